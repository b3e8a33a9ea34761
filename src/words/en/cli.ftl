# Words of the commands in a terminal.

## cli: what all share

cli-fact_count = { $n ->
    [one] { $n } fact
   *[other] { $n } facts
}
cli-record_count = { $n ->
    [one] { $n } record
   *[other] { $n } records
}
cli-not_checked = Not checked
cli-snapshot = Snapshot { $id }
cli-more = Why so: mirano explain { $id }
cli-watching = Watching this check; Ctrl-C ends it.
cli-facts_moved = { $source }: { $added } added, { $gone } gone, { $changed } changed
cli-sealed = snapshot { $id } sealed
cli-col_source = Source
cli-col_state = State
cli-col_answer = Answer
cli-col_age = Asked
cli-col_note = From where

## cli: what went wrong, and what to do

cli-refused = the server refused
cli-not_json = not JSON: { $why }
cli-no_answer =
    no answer from { $server }: { $why }
    Is it running? `mirano serve` starts it.
cli-no_source_answered =
    no source answered
    `mirano explain { $id }` says why; the page `/sources` shows how each is.
cli-input_pair = --input { $pair }: is not NAME=VALUE; `GET /v1/profiles` lists the names of each profile
cli-not_final =
    check { $id } is not final: it was opened again meanwhile
    Follow it with `--watch`, or on the page.
cli-renewal_failed = the last attempt failed: { $cause }
cli-dead_given_up = given up at { $at }; attempts: { $attempts }, left without an answer: { $waiting }
cli-dead_evidence = evidence { $id }
cli-events_ended =
    the events of check { $id } ended{ $why }
    The check goes on by itself. Look at it with `mirano explain { $id }`.
cli-read_which = name notifications by their ids, or use --all
cli-replay_which = name deliveries as `sent` lists them, or use --dead
cli-port_busy =
    { $address } is in use: perhaps mirano runs already
    Name another address: `{ $option } 127.0.0.1:0` takes a free port. Or stop whoever holds it.
cli-port_refused =
    can't listen on { $address }: { $why }
    Name another address: { $option }.

## explain: `mirano explain`

explain-checked = What there is
explain-reused = From earlier checks
explain-freshness = What to know
explain-updating = Being updated
explain-missing = Without an answer
explain-risk = Risk
explain-why_fast = Why did the result come fast?
explain-why_updating = Why is it still being updated?
explain-receipts = Receipts
explain-receipt = asked { $at }, TTL { $ttl }

## diff: `mirano diff`

diff-from = from
diff-to = to
diff-counts = { $changed } changed, { $added } added, { $gone } gone, { $same } unchanged
diff-connector = (the way of reading changed)
diff-erased = (erased)
diff-not_compared = not compared:
diff-risk = risk

## notifications: `mirano notifications`, `mirano webhooks`, `mirano emails`

told-none = Nothing new.
told-all_none = There are no notifications.
told-unread = Unread: { $n }
told-marked = Marked as read.
told-next = More: --cursor { $cursor }
told-muted = { $id }: told nothing until { $until }
told-unmuted = { $id }: told again
channel-none = Nobody is told. To add: mirano { $command } add
channel-added = { $id } added: { $target }
channel-secret = Secret: { $secret } (it is not shown again)
channel-ended = { $id } removed
channel-events = of: { $events }
channel-by_check = only what a check names it for
channel-digest = collected over { $digest }
channel-muted = told nothing until { $until }
delivery-none = Nothing was sent.
delivery-none_dead = All was delivered, or is still being tried.
delivery-again = { $id }: sent again
