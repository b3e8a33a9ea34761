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
status_word-created = CREATED
status_word-in_progress = IN_PROGRESS
status_word-partial = PARTIAL
status_word-completed = COMPLETED
status_word-failed = FAILED
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
cli-no_url =
    { $server } is not the address of a server
    Write it with http:// or https://, for example `--server http://127.0.0.1:8700`.
cli-nobody_listens =
    nobody listens at { $server }
    Is it running? `mirano serve` starts it. If it runs elsewhere, name its address with `--server`.
cli-no_host =
    there is no host like that in { $server }
    Look at the address given with `--server` or MIRANO_SERVER again.
cli-no_tls =
    { $server } has no TLS, or its certificate is not trusted: { $why }
    If it speaks plain HTTP, write http:// in place of https://.
cli-no_http =
    whoever listens at { $server } does not speak HTTP
    Look at the address and its port again; a server with TLS is called with https://.
cli-not_mirano =
    what answers at { $server } is not Mirano: it sent no JSON
    Name the address of a Mirano server with `--server`.
cli-broke_off =
    the answer of { $server } broke off: { $why }
    Try again.
cli-no_answer =
    no answer from { $server }: { $why }
    Look at the address given with `--server`, and at the server itself.
cli-no_source_answered =
    no source answered
    `mirano explain { $id }` says why; the page `/sources` shows how each is.
cli-input_pair = --input { $pair }: is not NAME=VALUE; `GET /v1/profiles` lists the names of each profile
cli-not_final =
    check { $id } is not final: it was opened again meanwhile
    Follow it with `--watch`, or on the page.
cli-renewal_failed = the last attempt failed: { $cause }
cli-dead_waiting = check { $job } waits for it (task { $task })
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
channel-stopped = stopped: the receiver answered 410 on { $at }
delivery-none = Nothing was sent.
delivery-none_dead = All was delivered, or is still being tried.
delivery-again = { $id }: sent again
