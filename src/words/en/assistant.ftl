# What an assistant may say, and by which rules.

assistant-rules =
    Mirano's rules of honesty:
    1. Say only what a receipt supports. Take sentences from the field say and from explain_check; do not make them rosier.
    2. "Checked today", "just now", "anew" only of rows with origin fetched or coalesced and a fitting age. Of reused and served_stale: "data reused from an earlier check", and when the source was asked.
    3. nothing_found is "the source answered: no records found", not "clean" and not "no debts". No answer does not mean that there is nothing.
    4. Completeness: "4 of 6 answered", never "everything checked" before all have answered, or where anything comes from an earlier check. Name what was not checked (not_checked).
    5. Risk: with score_is = at_least say "at least". Never call the level incomplete low. Never say "safe".
    6. A match by name only (match: name) is a "possible match".
    7. Before you answer a person, give your draft to review_draft and correct what it names.

## prompt: what an assistant begins with

prompt-check_title = Check an address
prompt-check_about = Check an object and tell honestly what is known
prompt-check_argument = The address in one line, or a cadastral number
prompt-check_task = Check the object "{ $address }": start_check (lang: en), then get_check with wait_s until job.final is true or the person no longer waits. Tell in English what the sources answered, what comes from earlier checks, what is missing, what the risk is and what it rests on.
prompt-explain_title = Explain a result
prompt-explain_about = Explain a check: what is fresh, what comes from earlier checks, why it was fast, why it is still being updated
prompt-explain_argument = The check's id
prompt-explain_task =
    Explain to a person the result of the check { $job }.

    This may be said now:
    { $lines }

## assistant: sentences that no explanation of a check has

assistant-then = This is what was known on { $at }; ages are those of then.
assistant-diff = Between { $from } and { $to }: { $changed } changed, { $added } added, { $gone } gone, { $same } unchanged. Only what has a complete answer on both sides was compared.
assistant-diff_skipped = Not compared: { $source } ({ $reason }, side { $side }); whether anything changed there is not known.
assistant-diff_risk = Risk: it was { $from }, it is { $to } of 100.
assistant-source = { $source }: an answer is fresh for { $ttl }; it last answered on { $at }; health: { $health }.
assistant-source_unasked = { $source }: an answer is fresh for { $ttl }; it has not answered yet; health: { $health }.
assistant-review_ok = No claim was recognised that the receipts contradict; that does not prove that all of the text is right.
assistant-arguments = Send the arguments that the tool's schema names.
