# The page's words.

## site

site-name = Mirano
site-skip = Skip to content
site-language = Language
site-pages = Pages
site-sign_out = Sign out
site-api = API reference
site-footer = Mirano shows what sources answered, and when. It is not legal advice.
site-demo = A demonstration: the companies, people and addresses of its built-in world are invented.
site-noscript = Without JavaScript the page does not update by itself: reload it to see what is new.

## start

start-title = Check a property
start-lead = Mirano asks courts, registers and listing sites about an address, collects the facts and scores the risk. What was asked lately is taken from earlier answers, and always carries its date. “No records found” means just that: the source answered that it has none.
start-address = Address or cadastral number
start-address_hint = For example: г Москва, ул Тверская, д 7, кв 12
start-profile = What to check
start-required = required
start-optional = optional
start-anew = Ask everything anew
start-anew_hint = Take no earlier answers, even those within their TTL. This takes longer.
start-submit = Check
start-showcase = Where to begin
start-showcase_lead = Addresses of the demonstration, each with its story:
start-recent = Recent checks
start-recent_none = No checks yet.
start-updating = Being updated now
start-updating_none = Nothing is being asked right now.
start-col_address = Address
start-col_status = Status
start-col_risk = Risk
start-col_created = Created
start-asks = Sources: { $sources }

## problem

problem-heading = The check was not started
problem-field = Error
problem-not_found = There is no such check
problem-not_found_fix = Look at the page's address again. Checks of others are not shown.
problem-snapshot_not_found = There is no such snapshot
problem-snapshot_not_found_fix = Look at its id again: a report names it whole. Snapshots of others are not shown.
problem-page_not_found = There is no such page
problem-page_not_found_fix = Look at the address again. All that there is opens from the start page.
problem-failed = That did not work
problem-failed_fix = Try again a little later.
problem-log_unavailable_fix = Wait a minute and try again. What was confirmed before is safe, and can be read meanwhile.
problem-wait_fix = Wait a minute and try again.
problem-cross_site = The form was sent from another site
problem-cross_site_fix = Open Mirano's page and send the form from there.
problem-back = To the start page

## sign_in

sign_in-title = Sign in
sign_in-lead = This server opens with a key. The key is kept in a cookie that no script can read, and is sent to this server only.
sign_in-key = Key
sign_in-submit = Sign in
sign_in-wrong = This key does not fit
sign_in-wrong_fix = See that the whole key was copied, or ask whoever runs the server for a new one.

## check

check-typed = typed: { $input }
check-created = created
check-sources = Sources
check-risk = Risk
check-honesty = Worth knowing
check-snapshots = Snapshots of the facts
check-snapshots_none = A snapshot is sealed when nothing more is being asked.
check-snapshot_root = root
check-recheck = Check again
check-recheck_hint = Ask all sources again, even where data are within their TTL
check-report = Report
check-watch = Watch
check-not_covered = What this check does not cover
check-muted = Nobody is told of this check until
check-watched = Watched
check-watch_hint = Check again every day, and tell what changed in the notifications
check-live = updates by itself
check-offline = connection lost, reconnecting
check-fresh_mark = new
check-position = log position { $position }

## confidence

confidence-exact = address understood exactly
confidence-high = address understood with high confidence
confidence-medium = address understood with reservations
confidence-low = address understood with low confidence
confidence-unknown = unknown whether the address is understood

## warning

warning-lookalike_letters = Latin letters were read as Cyrillic
warning-characters_dropped = characters that no address holds were dropped
warning-ambiguous_pr = «пр.» may be an avenue or a passage
warning-street_type_assumed = no street type given, read as «улица»
warning-street_type_missing = no street type given
warning-street_missing = no street given
warning-place_type_missing = the type of the place is not given
warning-flat_assumed = the second number was read as the flat
warning-house_range = “12-14” may be a range of houses, or a house and a flat
warning-house_missing = no house number given
warning-place_missing = no town or village given
warning-region_missing = no region given
warning-district_missing = no district given, and there may be several villages of this name
warning-unrecognised_text = a part was not understood; it is kept and tells this address from others
warning-plain_form = not read as a Russian address
warning-unsettled = the address reads ambiguously, its words were kept as they are

## status

status-created = Check created
status-in_progress = Check under way, no answers yet
status-partial_updating = Part of the result is here, the rest is being updated
status-partial_final = The result is not complete, or partly stale; nothing is being updated now
status-partial_some_updating = Part of the result is here, some of the rest is being updated
status-partial_all_updating = Every source has an answer; some are being updated
status-partial_stale = All sources have answered, but { $stale } of { $total } answers are stale; nothing is being updated now
status-partial_stale_updating = All sources have answered, but { $stale } of { $total } answers are stale; an update is under way
status-completed = Done
status-completed_reused = Done; part of the data was not asked again
status-completed_all_reused = Done; the data were not asked again
status-failed = No source answered

## progress

progress-answered = Answered: { $answered } of { $total }
progress-answered_reused = Answered: { $answered } of { $total }, { $reused } of them from earlier checks
progress-updating = { $n ->
    [one] { $n } source being updated
   *[other] { $n } sources being updated
}
progress-stale = { $n } stale
progress-failed = { $n } did not answer
progress-bar = Answers of the sources

## state

state-running = being asked
state-retrying = retrying after a failure
state-queued = queued
state-waiting_for_subject = waiting for another source
state-failed = no answer
state-not_applicable = not applicable
state-fresh = within its TTL
state-stale = stale

## state_long

state_long-fresh = within its TTL ({ $ttl })
state_long-stale = past its TTL ({ $ttl })
state_long-joined = this request was under way already, the check joined it
state_long-waiting_for_subject = whom to ask about is not known until another source answers
state_long-not_applicable = nobody to ask about: not given, none found, or no longer named
state_long-shown_meanwhile = earlier data are shown meanwhile

## result

result-found = { $n ->
    [one] { $n } record found
   *[other] { $n } records found
}
result-nothing_found = the source answered: no records found
result-unavailable = the source is unavailable
result-blocked = the source restricted access
result-unparsable = the source’s answer could not be read
result-refused = the source refused the request
result-suspicious = the answer is not to be believed yet: there were records before; it will be asked again
result-incomplete = the list is not complete

## origin

origin-reused = data reused from an earlier check
origin-served_stale = stale data from an earlier check
origin-coalesced = joined a request that was under way
origin-fetched = the source was asked for this check

## wait

wait-rate = waiting: the source allows no more requests yet
wait-concurrency = waiting: as many requests are running as the source allows
wait-proxy = waiting for a free proxy
wait-backoff = a pause before the next attempt
wait-queue = waiting in the queue
wait-other = waiting
wait-ahead = { $n ->
    [one] { $n } request ahead
   *[other] { $n } requests ahead
}
wait-eta = about { $time } more
wait-eta_unknown = how long is not known

## wait_because

wait_because-breaker_open = waiting: the source does not answer and is left alone for a while
wait_because-asked_to_wait = waiting: the source asked to be left alone
wait_because-quiet_hours = waiting: these are hours in which the source is left alone
wait_because-daily_quota = waiting: the day’s quota of requests to the source is used up
wait_because-overloaded = waiting: the source answers that it is unavailable for now (503), and is asked more slowly
wait_because-proxy_total = waiting: other sources use the proxies as much as is allowed
wait_because-slowed_down = waiting: the source is asked more slowly, because it said it was too fast

## date

date-own = Source’s own date
date-own_null = not stated by the source
date-asked = Asked
date-today = today that is { $age }
date-until = Valid until
date-age_of = { $age } old, TTL { $ttl }
date-last_failure = The last attempt failed
date-attempts = { $n ->
    [one] { $n } attempt
   *[other] { $n } attempts
}

## fact

fact-possible = possible match
fact-possible_hint = Same name only. Worth no points unless a rule says otherwise.
fact-more = { $n ->
    [one] { $n } more record
   *[other] { $n } more records
}
fact-none = No records.
fact-since = first seen
fact-yes = yes
fact-no = no

## kind

kind-cadastre-object = Object
kind-cadastre-developer = Developer
kind-company-record = Company
kind-court-case = Case
kind-enforcement-proceeding = Proceeding
kind-listing-offer = Offer
kind-review-entry = Review

## attr

attr-area = area, m²
attr-purpose = purpose
attr-floors = floors
attr-floor = floor
attr-rooms = rooms
attr-built = built
attr-value = cadastral value
attr-valued = valued
attr-right_since = title since
attr-encumbrance = encumbrance
attr-ownership = ownership
attr-inn = INN
attr-ogrn = OGRN
attr-name = name
attr-status = status
attr-registered = registered
attr-capital = capital
attr-tax_debt = tax debt
attr-number = number
attr-type = type
attr-court = court
attr-role = role
attr-category = subject
attr-sum = claim
attr-filed = filed
attr-outcome = outcome
attr-judge = judge
attr-debtor = debtor
attr-opened = opened
attr-demand = demand
attr-left = debt left
attr-office = office
attr-price = price
attr-seller = seller
attr-parking = parking
attr-posted = posted
attr-rating = rating
attr-text = text
attr-written = written
attr-verified = verified author
attr-title = title
attr-transfers_3y = transfers in 3 years
attr-birth_date = date of birth

## risk

risk-none = The risk is scored when the first facts are here.
risk-score = { $score } of 100
risk-score_at_least = at least { $score } of 100
risk-of = of 100
risk-at_least = at least
risk-at_least_why = Something is missing, stale or incomplete: the score may grow.
risk-factors = What adds points
risk-factors_none = No rule matched the facts at hand.
risk-no_records = no records
risk-outdated = The score still counts answers that are too old to be shown, until they are asked for again: { $sources }.
risk-nothing_known = No source found a record of this object. The score does not say that there is no risk: check that the address is right.
risk-stops = Stop factors
risk-points = { $n ->
    [one] { $n } point
   *[other] { $n } points
}
risk-adds = { $rule }: +{ $points }
risk-picture = Risk { $score } of 100. { $factors }
risk-picture_none = no factor adds points
risk-unevaluated = Not evaluated
risk-basis = Rests on answers: { $fresh } within their TTL, { $stale } stale, { $missing } missing.
risk-ruleset = Ruleset: { $ruleset }.
risk-clamped = The points add up to more than 100; 100 is shown.
risk-facts = { $n ->
    [one] { $n } fact
   *[other] { $n } facts
}
risk-possible = { $n ->
    [one] { $n } possible match, no points
   *[other] { $n } possible matches, no points
}

## unevaluated

unevaluated-source_not_asked = the source is not in this profile
unevaluated-source_missing = the source has not answered yet
unevaluated-source_failed = the source did not answer
unevaluated-source_incomplete = the source’s answer is not complete
unevaluated-source_suspicious = the source’s answer is not to be believed yet
unevaluated-error = the rule could not be applied to a fact

## report

report-title = Report of a check
report-covers = The report covers only the sources listed. It is not legal advice.
report-at = As of
report-snapshot = Snapshot
report-not_sealed = no snapshot is sealed yet
report-not_sealed_since = what is shown here is not sealed as it stands; sealed last:
report-not_checked = What was not checked
report-back = To the check
report-verify = How to verify this report
report-verify_how = Compare snapshot and root with those at this address. Whoever trusts no server recomputes them from the exported log: mirano verify, or docs/verify/verify.py.
report-qr = QR code of the address at which this report is verified
report-print = Print the page, or save it as PDF with the browser.

## snapshot

snapshot-title = A sealed snapshot
snapshot-lead = What a report rested on, fixed: whoever changes a fact of it gets another root.
snapshot-id = Snapshot
snapshot-facts_root = Root over the facts
snapshot-receipts_root = Root over the receipts
snapshot-facts = Facts
snapshot-sealed_at = Sealed
snapshot-position = Commit in the log
snapshot-hint = A printed report is genuine if it names this snapshot and this root. To trust no server, export the log and recompute both: mirano verify, or the independent program docs/verify/verify.py.
snapshot-report = The report as it then was
snapshot-completed = sealed, complete
snapshot-partial = sealed, partial

## month

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

## moment

moment-day = { $day } { $month } { $year }
moment-written = { $day }, { $time } UTC
moment-title = Moments of this check
moment-answered = { $answered } of { $total } answered
moment_state-ok = done
moment_state-busy = being updated
moment_state-stale = incomplete or stale
moment_state-bad = no answers
moment-sealed = snapshot
moment-was = As it was known on
moment-was_hint = What came later is not shown; ages are those of then.
moment-now = To the check as it stands now

## compare

compare-title = Two moments compared
compare-before = Before
compare-after = After
compare-submit = Compare
compare-other = Which two moments to compare
compare-typed = Name the sides yourself: a snapshot, a check, a subject
compare-open = Open this moment
compare-items = What is different
compare-none = Nothing is different in what was compared.
compare-more = More
compare-skipped = What was not compared
compare-connector = the way of reading changed
compare-erased = erased with its person
compare-no_risk = no risk yet
compare-risk_same = No rule adds more or less than before.
compare-score = { $from } → { $to }
compare-hint = A snapshot, job:…@time, company:…@time. The time may be a position in the log, or now.
compare-changed = { $n } changed
compare-added = { $n } came
compare-gone = { $n } gone
compare-unchanged = { $n } unchanged

## side

side-snapshot = sealed snapshot
side-job = check
side-subject = subject
side-world = the whole base

## op

op-changed = changed
op-added = came
op-gone = gone

## by

by-added = by facts that came
by-gone = by facts that are gone
by-changed = by facts that changed
by-ruleset = the rule is another one
by-coverage = a source answered on one side only
by-date = by the day alone

## lacks

lacks-missing = no answer yet
lacks-failed = the source gave no answer
lacks-expired = the answer was too old
lacks-incomplete = the source’s list was not complete
lacks-not_in_profile = not asked by the profile

## lacking

lacking-from = before
lacking-to = after
lacking-both = before and after

## breaker

breaker-open = left alone, asked again
breaker-half_open = one attempt is made to see whether it answers

## health

health-ok = answers
health-failing = fails at times
health-down = does not answer
health-resting = asked to be left alone
health-unknown = not asked yet

## sources

sources-title = Sources
sources-lead = Who is asked, how each is, and what waits for it. Those that need a look stand first.
sources-col_source = Source
sources-col_health = Health
sources-col_queue = Waiting
sources-col_running = Running
sources-col_limit = Limit
sources-col_last = Last attempt
sources-rate = { $n } in { $time }
sources-permits = free now: { $n }
sources-shards = by shards: { $queues }
sources-ttl = answers are good for { $ttl }
sources-kept = As the log keeps it
sources-latest = { $n ->
    [one] { $n } attempt
   *[other] { $n } latest attempts
}, { $answered } answered
sources-never = none yet
sources-found = records found
sources-slowed = asked at { $percent }% of its rate
sources-rests = until
sources-in_use = in use: { $n }
sources-failures = { $n ->
    [one] { $n } failure in a row
   *[other] { $n } failures in a row
}
sources-delayed = { $n ->
    [one] { $n } waits for a retry
   *[other] { $n } wait for a retry
}

## watches

watches-title = Watches
watches-lead = Checks that are made again by themselves. Each stays the same check, and keeps a snapshot of every change.
watches-none = Nothing is watched. Open a check and press “Watch”.
watches-col_every = Every
watches-col_next = Next
watches-last = last
watches-end = End

## watch_reason

watch_reason-key = it matters
watch_reason-popular = asked about often
watch_reason-paid = paid for

## notifications

notifications-title = Notifications
notifications-lead = What you asked to be told of, and who is told: programs by webhooks, people by mail.
notifications-none = Nothing was told yet. Add a webhook or a mail address below: they are told of every check.
notifications-read_all = Mark all as read
notifications-new = new
notifications-col_what = What happened
notifications-col_kind = Kind
notifications-col_at = When
notifications-col_state = State
notifications-col_target = Who is told
notifications-col_events = Of what
notifications-channels = Who is told
notifications-no_channels = Nobody is told outside of this page.
notifications-by_check = only what a check names it for
notifications-digest = collected over { $time }
notifications-muted = silent until
notifications-stopped = Stopped: the receiver answered 410 (gone) on
notifications-stopped_hint = Nothing more is sent to it. If that was a mistake, remove the webhook and add it again.
notifications-more = and { $n } more
notifications-back = To the notifications
notifications-mute = Pause for 8 hours
notifications-unmute = Tell again
notifications-end = Remove
notifications-add = Add
notifications-add_webhooks = Tell a program
notifications-add_emails = Tell a person
notifications-target_webhooks = Address of the webhook
notifications-target_emails = E-mail address
notifications-hint_webhooks = Requests are signed by the Standard Webhooks specification; the secret is shown once.
notifications-hint_emails = Messages are sent by this server’s mail server, if one is configured.
notifications-daily = together, once a day
notifications-secret = The webhook was added. Its secret:
notifications-secret_hint = Keep it now: it is not shown again. With it the receiver checks that a message is ours.
notifications-sent = What was sent
notifications-nothing_sent = Nothing was sent yet.
notifications-next = next attempt
notifications-again = Send again

## notice

notice-job-first_result = First answer
notice-job-final = Check ended
notice-risk-level_changed = Risk level
notice-facts-changed = Facts changed
notice-source-recovered = Source is back
notice-report-stale = Data stale

## channel

channel-webhooks = Webhook
channel-emails = E-mail

## delivery

delivery-collecting = being collected
delivery-waiting = waits for the next attempt
delivery-sending = being sent
delivery-delivered = delivered
delivery-dead = not delivered

## log

log-title = Log
log-lead = Every decision, in order. Each commit names the hash of the one before it, so nothing can be changed, lost or moved unseen.
log-heads = Heads
log-heads_hint = Keep a head: with it anybody can show later that the log only grew since.
log-commits = Commits
log-col_position = Position
log-col_at = Recorded
log-col_events = Events
log-col_hash = Hash
log-cause = because of
log-bytes = { $n ->
    [one] { $n } byte
   *[other] { $n } bytes
}
log-newest = Newest
log-older = Older
log-none = The log is empty.

## dead

dead-title = Dead letters
dead-col_cause = What went wrong
dead-col_at = Given up
dead-waiting = Checks without it:
dead-retry = Try again
dead-drop = Drop
dead-none = Nothing was given up, or somebody has seen to it.

## timeline

timeline-title = How the check went
timeline-picture = The risk went from { $first } to { $last }.
timeline-picture_peak = The risk went from { $first } to { $last }; the highest in between was { $most }.
timeline-picture_same = The risk was { $last } all along.
timeline-picture_back = The risk is { $last } again; in between the lowest was { $least }, the highest { $most }.
timeline-answered = answered: { $sources }
timeline-hint = A large dot is a sealed snapshot. Any moment opens as it was known then.
timeline-hint_least = Where the line is dashed, the score could still grow.
timeline-col_at = Moment
timeline-more = Only the latest moments are shown.
timeline-col_moved = What of the facts
timeline-compare = compare with the one before

## verify: verifying the log on the page

verify-title = Verify the log
verify-lead = Every commit is read anew: the chain, the names of facts and the answers of sources are recomputed. Snapshots, evidence and views are checked as well by mirano verify, beside the data.
verify-submit = Verify
verify-progress = Commits: { $commits } of { $of }; facts recomputed: { $facts }; findings: { $findings }
verify-ok = All fits. Commits: { $commits }, facts recomputed: { $facts }.
verify-bad = Findings: { $findings }. Commits: { $commits }.
verify-digest = Digest of the state:
verify-broken = The verification was broken off; start it again, or run mirano verify beside the data.
verify-bar = Progress of the verification

## explained: the explanation on the page of a check

explained-title = Explanation
explained-fast = Why did the result come fast?
explained-updating = Why is it still being updated?
explained-sentences = { $n ->
    [one] What this rests on: { $n } sentence
   *[other] What this rests on: { $n } sentences
}
explained-rest = { $n ->
    [one] What else is known: { $n } sentence
   *[other] What else is known: { $n } sentences
}
explained-receipts = { $n ->
    [one] { $n } receipt
   *[other] { $n } receipts
}
explained-hint = A receipt says how one question to a source was answered. Where there is no answer, there is no receipt.
explained-taken = Taken by this check
explained-ttl = Good for
explained-named = receipt { $receipt } · observation { $observation } · policy { $policy }

## receipt_reason: why an answer was taken

receipt_reason-fresh = an earlier answer was within its TTL
receipt_reason-narrowed = chosen from an earlier answer to a larger question
receipt_reason-stale = an earlier answer was stale, but may still be shown
receipt_reason-task = the source answered this check's request
receipt_reason-joined = the source answered a request that was already under way
receipt_reason-answered_in_between = an answer to this question came before the source was asked

## interface

interface-title = API reference
interface-lead = Every call of Mirano's interface for programs, with what it takes and what it answers. The same for programs:
interface-contents = Contents
interface-parameters = Parameters
interface-body = Takes
interface-answers = Answers
interface-shapes = Shapes
interface-shapes_hint = What calls take and answer. A field that is not marked as required may be left out.
interface_group-jobs = Checks
interface_group-snapshots = Snapshots and comparisons
interface_group-facts = Objects and facts
interface_group-watches = Watches
interface_group-notifications = Notifications
interface_group-events = Live events
interface_group-sources = Sources
interface_group-policy = Policy
interface_group-log = Log and audit
interface_group-workers = Workers
interface_group-health = State of the server
