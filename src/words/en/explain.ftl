# What is said of a check: what comes first, what each source said, why it was fast and why it is still going on.
# A source "answered", and never "was checked"; what no answer holds is not claimed.

## honesty: before anything else

honesty-address = We understood the address as "{ $address }"; that is not certain, and the risk is incomplete.
honesty-done_reused = Done; a part of the data was not asked for again.
honesty-done_all_reused = Done; all answers come from earlier checks.
honesty-nothing_known = Nothing is known of this object: all sources ({ $answered }) have answered, and none has a record of it. Here the risk score says only that, and not that there is no risk.
honesty-nothing_known_yet = Nothing is known of this object so far: { $answered } of { $total } have answered, and none of these has a record of it. The risk score does not say that there is no risk.
honesty-stale = { $of }; { $now }.
honesty-stale_part = The data is partly stale: { $stale } of { $total } are past their TTL
honesty-stale_all = There are answers, but all are stale: { $stale } of { $total } are past their TTL
honesty-stale_untouched = that data is not being updated now
honesty-stale_updating = that data is being updated now
honesty-stale_some = { $asked } of these are being updated now
honesty-open = Still being processed: { $sources }.
honesty-silent = No answer: { $sources }. That does not mean that there is nothing.
honesty-unasked = Not asked: { $sources }. The source that names whom to ask about has no answer; that does not mean that there is nothing.
honesty-unrenewed = The last attempt to renew the data failed: { $sources }. What is shown was answered before it.
honesty-cut = Not all that the source has is shown: { $sources }.
honesty-reused = { $n ->
    [one] { $n } answer comes from earlier checks.
   *[other] { $n } answers come from earlier checks.
} Reused does not mean asked again.

## job, row: the check and its rows

job-notice = This report covers only the sources listed; it is not legal advice.
job-answered = Answered: { $answered } of { $total }, { $reused } of them from earlier checks.
row-told = { $source }: { $answer }; { $from }. The source was asked { $age }, { $own }; its TTL is { $ttl }, until { $until }.
row-own = as of { $date }, says the source
row-own_none = the source names no date of its own
row-unrenewed = { $source }: the last attempt to renew the data ({ $at }) failed: { $cause }. The answer shown came before it, { $age }.
row-note = { $source }: { $note }.
row-note_eta = { $source }: { $note }. In about { $eta }.

## from: where what is shown comes from

from-reused = data reused from an earlier check
from-narrowed = data selected from an earlier answer to a larger question
from-served_stale = data of an earlier check, past its TTL when taken
from-coalesced = joined a request that was under way
from-fetched = the source was asked for this check

## answer: what the source answered

answer-nothing_found = the source answered: no records found
answer-found = the source answered: { $n ->
    [one] { $n } record
   *[other] { $n } records
}

## note: the state of a row

note-running = the source is being asked
note-retrying = an attempt failed, another follows
note-queued = queued for the source
note-waiting = waits for another source to name whom to ask about
note-too_old = the data is too old to be shown
note-too_old_failed = the data is too old to be shown; it could not be renewed: { $cause }
note-given_up = { $cause } (given up, attempts: { $n }; it waits for an operator, who can have it tried again)
note-seen_to = { $cause } (given up, attempts: { $n }; an operator has seen to it)
note-no_answer = the source gave no answer
note-stale = the data is past its TTL and is not being updated now
note-meanwhile = { $note }; meanwhile data observed { $age } is shown
note-answered = { $answer }; { $from }

## unasked: what the check does not cover

unasked-withdrawn = not asked any more: the source that named whom to ask about no longer does
unasked-input = not asked: "{ $name }" was not given
unasked-inputs = not asked: "{ $names }" were not given
unasked-over_max = { $n } more were not asked about: over the profile's limit
unasked-nobody = there is nobody to ask about: none was named
unasked-profile = the profile does not ask "{ $source }"
unasked-outside = Outside the profile, so not asked: { $sources }

## cause: why a source gave no answer; each is a clause about what happened, and no more

cause-http_status = the source answered with an error (status { $status })
cause-unexpected_status = the source answered with status { $status }, which was not expected
cause-too_many_requests = the source turned the request down: it is asked too often
cause-blocked = the source restricted access
cause-refused = the source refused the request
cause-unavailable = the source is unavailable
cause-unparsable = the source's answer could not be read
cause-suspicious = the source's answer is not to be believed yet
cause-sudden_drop = the source's answer is not to be believed yet: it has far fewer records than before
cause-nothing_by_status = the source's answer is not to be believed yet: there were records before, and only a status code says otherwise
cause-timeout = the source did not answer in time
cause-dns = the name of the source's server was not found
cause-connect = the source could not be connected to
cause-tls = a secure connection to the source could not be made
cause-truncated = the source's answer broke off
cause-too_large = the source's answer is larger than allowed
cause-empty_page = the source sent an empty page
cause-markup_moved = the source's answer could not be read: its pages seem to have changed
cause-protocol = the source's answer was damaged on its way
cause-too_many_redirects = the source redirects from address to address without end
cause-proxy = the proxy is unavailable or refused
cause-no_tunnel = the proxy did not get through to the source
cause-proxies_down = no proxy has let a request through to the source for long, and the request was given up
cause-through_none = for { $time } no proxy has let a request through to the source, and the request was given up
cause-proxy_unknown = the request was not sent: the proxy it needs is not set up
cause-private_address = the request was not sent: the source's address is not public
cause-not_sent = the request was not sent: it could not be put together
cause-secret_missing = the request was not sent: the key to the source is not set
cause-auth_refused = the source did not accept our key
cause-not_asked = the source was not asked
cause-given_up = the source has given no usable answer for { $time }, and the request was given up
cause-breaker_open = the source has given no usable answer for long, and the request was given up
cause-lease_expired = the program that asked the source fell silent
cause-put_off = the request was put off: the source may not be asked for now
cause-evidence_store = the source's answer could not be kept on our side
cause-key_store = the request was not sent: the store of keys is unavailable
cause-erased = this person's data was erased
cause-source_removed = the source is not set up any more
cause-unknown = the cause is not known
cause-depends_on = not asked: "{ $source }", which names whom to ask about, gave no answer
cause-depends_on_another = not asked: the source that names whom to ask about gave no answer

## address_part: parts of the address that were missing

address_part-canonical = address
address_part-building = address of the building
address_part-flat = flat
address_part-cadastral = cadastral number
address_part-postcode = postcode

## told_risk: the risk

told_risk-exact = Risk: { $score } of 100, level "{ $level }".
told_risk-at_least = Risk: at least { $score } of 100, level "{ $level }".
told_risk-no_records = Risk: no source has a record of this object; { $score } of 100 does not say that there is no risk.
told_risk-stop = A stop factor, { $points ->
    [one] { $points } point
   *[other] { $points } points
}: "{ $title }"; { $n ->
    [one] { $n } record
   *[other] { $n } records
}.
told_risk-stop_alone = A stop factor: "{ $title }".
told_risk-factor = Adds { $points ->
    [one] { $points } point
   *[other] { $points } points
}: "{ $title }"; { $n ->
    [one] { $n } record
   *[other] { $n } records
}.
told_risk-possible = { $n ->
    [one] { $n } match is by name only and added nothing.
   *[other] { $n } matches are by name only and added nothing.
}
told_risk-unevaluated = Not evaluated: "{ $title }"; { $source }: { $why }.
told_risk-unevaluated_error = Not evaluated: "{ $title }"; { $why }.
told_risk-outdated = The score still counts answers that are too old to be shown by now, until they are asked for again: { $sources }.
told_risk-unanswered = The score leaves out what has no answer: { $sources }.

## score: a score by itself

score-exact = { $score }
score-at_least = at least { $score }
score-ends = The points do not add up to this: a score ends at { $end }.

## why_fast: "Why did the result come fast?"

why_fast-nobody = There was nobody to ask: no source applies to this check.
why_fast-no_answer = It was not fast: there is no answer yet.
why_fast-all_reused = It was fast because every answer shown comes from earlier checks; no source was asked again.
why_fast-part_reused = A part came fast: { $reused } of { $total } come from earlier checks; the rest was or is being asked.
why_fast-joined = Nothing comes from earlier checks, but requests that were under way were not repeated: { $joined } of { $total } came by them.
why_fast-asked = It was not fast: nothing comes from earlier checks, the sources are or were asked for this one.

## why_updating: "Why is it still being updated?"

why_updating-nothing = Nothing is being updated now.
why_updating-open = It is being updated: { $n ->
    [one] { $n } source
   *[other] { $n } sources
} yet to answer. { $each }.
why_updating-one = { $source }: { $why }

## held: what holds a request up

held-rate = the permitted rate of requests is used up
held-concurrency = the source is busy with other requests of ours
held-proxy = no proxy is free
held-backoff = a pause before the next attempt
held-queue = queued for the source
held-breaker_open = the source does not answer, so it is left alone and tried again once in a while
held-slowed_down = the source said it was asked too fast, and is asked more slowly
held-overloaded = the source answers that it is unavailable for now (503), and is asked more slowly
held-proxy_total = all sources together use the proxies as much as is allowed
held-asked_to_wait = the source asked to be left alone
held-quiet_hours = these are hours in which the source is left alone
held-daily_quota = the day’s quota of requests to the source is used up
held-eta = { $why }, about { $eta }
held-eta_unknown = { $why }, how long is not known

## review: what to say instead of what is wrong

review-not_asked = No source was asked about this.
review-not_asked_because = No source was asked about this. ({ $notes })
