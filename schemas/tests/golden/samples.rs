//! One of each event, with every field filled in: what the golden bytes are made of.
//!
//! A sample is never edited, as its bytes are not. When an event gets a new version, its sample moves with it and the
//! bytes of the old version stay in `schemas/golden`.

use mirano_schemas::*;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(1_780_000_000_123);

fn job() -> JobId {
    JobId([1; 16])
}

fn need_id() -> NeedId {
    NeedId([2; 16])
}

fn query() -> QueryKey {
    QueryKey([3; 16])
}

fn task() -> TaskId {
    TaskId([4; 16])
}

fn lease() -> LeaseToken {
    LeaseToken([5; 16])
}

fn observation() -> ObservationId {
    ObservationId([6; 16])
}

fn subject() -> Subject {
    Subject("property:фцъ".to_owned())
}

fn sealed() -> SealedBytes {
    SealedBytes { subject: Subject("person:aaaa".to_owned()), bytes: vec![0, 127, 128, 255] }
}

fn params() -> Params {
    [("address".to_owned(), "Тверская 7".to_owned()), ("inn".to_owned(), "7707083893".to_owned())].into()
}

fn requester() -> Requester {
    Requester { job: job(), need_id: need_id(), tenant: "t".to_owned() }
}

fn permit() -> Permit {
    Permit { not_before: NOW, not_after: NOW.plus_ms(250) }
}

fn grant() -> Grant {
    let charge = |key: &str, reused| Charge { key: key.to_owned(), tat: NOW.0 + 2_000, keep: 30, reused };
    Grant { permit: permit(), charges: vec![charge("", false), charge("ru/one", true)] }
}

fn need() -> Need {
    Need {
        need_id: need_id(),
        source: "courts".to_owned(),
        level: Level::Developer,
        subject: Subject("company:7707083893".to_owned()),
        query: Some(query()),
        params: Sealable::Plain(params()),
        parent: Some(NeedId([9; 16])),
        entry: 3,
    }
}

fn receipt() -> Receipt {
    Receipt {
        receipt_id: ReceiptId([7; 16]),
        need_id: need_id(),
        source: "courts".to_owned(),
        origin: Origin::ServedStale,
        outcome: Outcome::Found,
        complete: true,
        observation: observation(),
        at: Position { partition: 2, seq: 70_000 },
        facts_root: Root([8; 32]),
        facts: 300,
        observed_at: NOW,
        as_of: Some("2026-03-01".to_owned()),
        parts: ReuseParts { reused: 1, stale: 2, missing: 3 },
        ttl_ms: 604_800_000,
        serve_stale_ms: 2_592_000_000,
        policy_version: 12,
        taken_at: NOW.plus_ms(5),
        reason: "stale".to_owned(),
    }
}

/// A fact with a value of every type.
pub fn fact() -> Fact {
    Fact {
        source: "courts".to_owned(),
        kind: "court.case".to_owned(),
        subject: Subject("company:7707083893".to_owned()),
        matched: Match::Name,
        identity: [("number".to_owned(), Value::text("А40-1/2026"))].into(),
        attrs: [
            ("amount".to_owned(), Value::Decimal("-1200.5".to_owned())),
            ("closed".to_owned(), Value::Bool(false)),
            ("filed".to_owned(), Value::Date("2026-02-03".to_owned())),
            ("hearings".to_owned(), Value::Integer(-3)),
            ("parties".to_owned(), Value::List(vec![Value::text("Истец"), Value::Integer(2)])),
        ]
        .into(),
        valid: Validity { from: Some("2026-02-03".to_owned()), to: None },
        connector: 4,
    }
}

fn plain_fact() -> LoggedFact {
    LoggedFact { fact_id: FactId([10; 32]), body: Sealable::Plain(fact().into()) }
}

fn sealed_fact() -> LoggedFact {
    LoggedFact { fact_id: FactId([11; 32]), body: Sealable::Sealed(sealed()) }
}

fn volatile() -> Vec<(FactId, Sealable<Attrs>)> {
    let views: Attrs = [("views".to_owned(), Value::Integer(90_000))].into();
    vec![(FactId([10; 32]), Sealable::Plain(views)), (FactId([11; 32]), Sealable::Sealed(sealed()))]
}

fn assessment() -> Assessment {
    Assessment {
        score: 60,
        score_is: ScoreIs::AtLeast,
        level: "high".to_owned(),
        stops: vec!["bankrupt".to_owned()],
        unevaluated: vec![Unevaluated {
            rule: "pledge".to_owned(),
            reason: UnevaluatedReason::SourceMissing,
            detail: "pledges".to_owned(),
        }],
        basis: RiskBasis { fresh: 3, stale: 1, missing: 2 },
        ruleset: "standard".to_owned(),
        as_of: "2026-05-28".to_owned(),
        factors: vec![Factor {
            rule: "defendant".to_owned(),
            points: 60,
            severity: Severity::High,
            stop: false,
            facts: vec![FactId([10; 32])],
            possible: vec![FactId([11; 32])],
        }],
    }
}

fn address() -> AddressRecord {
    AddressRecord {
        input: "ул. Тверская, д. 7, кв. 1".to_owned(),
        canonical: "Москва, Тверская улица, 7, 1".to_owned(),
        building: "Москва, Тверская улица, 7".to_owned(),
        flat: Some("1".to_owned()),
        cadastral: Some("77:01:0001001:1024".to_owned()),
        postcode: Some("125009".to_owned()),
        confidence: "high".to_owned(),
        subject: subject(),
        building_subject: Subject("property:дом".to_owned()),
        warnings: vec!["two_numbers".to_owned()],
    }
}

fn failure() -> Failure {
    Failure { outcome: Some(Outcome::Blocked), cause: "captcha".to_owned(), at: NOW }
}

fn recorded() -> ObservationRecorded {
    ObservationRecorded {
        observation: observation(),
        source: "courts".to_owned(),
        query: query(),
        subject: Subject("company:7707083893".to_owned()),
        task: task(),
        lease: lease(),
        chunks: 2,
        base: Some(ObservationId([12; 16])),
        outcome: Outcome::Found,
        complete: false,
        facts_root: Root([8; 32]),
        facts: 300,
        added: 2,
        gone: 1,
        volatile: VolatileBlock::These(volatile()),
        evidence: vec![EvidenceId([13; 32])],
        observed_at: NOW,
        as_of: Some("2026-03-01".to_owned()),
        connector: 4,
        policy_version: 12,
        ttl_ms: 604_800_000,
        kinds: BTreeMap::from([("court.case".to_owned(), 300)]),
        first: requester(),
    }
}

fn snapshot() -> SnapshotSealed {
    SnapshotSealed {
        snapshot: SnapshotId([14; 32]),
        body: SnapshotBody {
            job: job(),
            subject: subject(),
            profile: "standard".to_owned(),
            facts_root: Root([8; 32]),
            facts: 300,
            receipts_root: Root([15; 32]),
            receipts: vec![ReceiptId([7; 16])],
            observation_roots: vec![Root([8; 32])],
            cut: vec![Position { partition: 0, seq: 5 }, Position { partition: 2, seq: 70_000 }],
            status: JobStatus::Partial,
            missing: vec![NeedId([9; 16])],
            risk: assessment(),
            policy_version: 12,
            schema_version: 1,
            sealed_at: NOW,
        },
    }
}

fn watch() -> WatchId {
    WatchId([21; 16])
}

fn world() -> WorldSealed {
    WorldSealed {
        snapshot: SnapshotId([16; 32]),
        body: WorldBody {
            cut: vec![Position { partition: 0, seq: 5 }, Position { partition: 2, seq: 70_000 }],
            facts_root: Root([8; 32]),
            facts: 5_000_000_000,
            queries: 300,
            policy_version: 12,
            schema_version: 1,
            sealed_at: NOW,
        },
    }
}

fn of_jobs() -> Vec<Event> {
    let wanted = TaskWanted {
        job: job(),
        tenant: "t".to_owned(),
        need_id: need_id(),
        source: "courts".to_owned(),
        query: query(),
        subject: subject(),
        params: Sealable::Sealed(sealed()),
        priority: 2,
        max_age_ms: u64::MAX,
        reason: WantReason::MaxAge,
        asked_at: NOW,
    };
    let inputs = [
        ("inn".to_owned(), Sealable::Plain("7707083893".to_owned())),
        ("seller".to_owned(), Sealable::Sealed(sealed())),
    ];
    let created = JobCreated {
        job: job(),
        tenant: "t".to_owned(),
        profile: "standard".to_owned(),
        address: address(),
        inputs: inputs.into(),
        priority: 5,
        max_age_ms: [("*".to_owned(), 3_600_000)].into(),
        request_digest: [16; 32],
        needs: vec![need()],
    };
    let not_applicable = |reason| NeedNotApplicable { job: job(), need_id: need_id(), reason };
    let risk =
        RiskRecomputed { job: job(), from: 20, assessment: assessment(), policy_version: 12, because: vec![need_id()] };
    let recheck = RecheckPlanned {
        job: job(),
        command: CommandId([17; 16]),
        needs: vec![need_id()],
        reason: "перед сделкой".to_owned(),
    };
    vec![
        created.into(),
        NeedDiscovered { job: job(), need: need(), fact: FactId([10; 32]) }.into(),
        not_applicable(NotApplicable::OverMax(7)).into(),
        FactsReused { job: job(), receipt: receipt() }.into(),
        wanted.into(),
        NeedAnswered { job: job(), receipt: receipt() }.into(),
        NeedFailed { job: job(), need_id: need_id(), failure: failure() }.into(),
        JobStatusChanged { job: job(), status: JobStatus::InProgress, is_final: false }.into(),
        risk.into(),
        snapshot().into(),
        recheck.into(),
        world().into(),
        WatchSet {
            watch: watch(),
            job: job(),
            tenant: "t".to_owned(),
            every_ms: 86_400_000,
            hours: Some(Hours { from: 1_320, to: 390 }),
            reason: WatchReason::Paid,
            next_at: NOW.plus_ms(86_400_000),
        }
        .into(),
        WatchRang { watch: watch(), job: job(), next_at: NOW.plus_ms(172_800_000) }.into(),
        WatchEnded { watch: watch(), job: job() }.into(),
    ]
}

fn of_sources() -> Vec<Event> {
    let source = || "courts".to_owned();
    let scheduled = TaskScheduled {
        task: task(),
        source: source(),
        query: query(),
        subject: subject(),
        params: Sealable::Plain(params()),
        priority: 1,
        requester: requester(),
    };
    let started = TaskStarted {
        task: task(),
        source: source(),
        attempt: 2,
        lease: lease(),
        worker: "w-1".to_owned(),
        deadline: NOW.plus_ms(30_000),
        grant: grant(),
        proxy: Some("ru/one".to_owned()),
    };
    let granted = PermitsGranted {
        source: source(),
        task: task(),
        lease: lease(),
        grants: vec![grant()],
        deadline: NOW.plus_ms(60_000),
    };
    let attempt_failed = TaskAttemptFailed {
        task: task(),
        source: source(),
        attempt: 2,
        lease: lease(),
        outcome: Outcome::Unavailable,
        cause: "timeout".to_owned(),
        http_status: Some(429),
        evidence: vec![EvidenceId([13; 32])],
        retry_at: Some(NOW.plus_ms(2_000)),
        rest_until: Some(NOW.plus_ms(1_000)),
    };
    let failed = TaskFailed {
        task: task(),
        source: source(),
        query: query(),
        outcome: Outcome::Unparsable,
        cause: "another page".to_owned(),
    };
    let completed = TaskCompleted {
        task: task(),
        source: source(),
        attempt: 2,
        lease: lease(),
        observation: observation(),
        http_status: Some(200),
    };
    let satisfied =
        WantSatisfied { source: source(), query: query(), requester: requester(), observation: observation() };
    let refused = WantRefused { source: source(), query: query(), requester: requester(), cause: "gone".to_owned() };
    vec![
        scheduled.into(),
        TaskJoined { task: task(), source: source(), requester: requester(), priority: 1 }.into(),
        satisfied.into(),
        refused.into(),
        started.into(),
        granted.into(),
        PermitsReturned { source: source(), lease: lease(), permits: vec![permit()] }.into(),
        LeaseExtended { source: source(), task: task(), lease: lease(), deadline: NOW.plus_ms(90_000) }.into(),
        attempt_failed.into(),
        failed.into(),
        completed.into(),
        TaskRevived { task: task(), source: source(), query: query(), failed_at: NOW }.into(),
        TaskDropped { task: task(), source: source(), failed_at: NOW }.into(),
    ]
}

fn of_health() -> Vec<Event> {
    let source = || "courts".to_owned();
    let opened = BreakerOpened {
        source: source(),
        proxy: Some("ru/p1".to_owned()),
        until: NOW.plus_ms(30_000),
        times: 2,
        failed: 10,
        of: 12,
        outcome: Outcome::Blocked,
        cause: "too_many_requests".to_owned(),
    };
    let slowed =
        SourceSlowed { source: source(), permille: 500, full_at: NOW.plus_ms(600_000), http_status: Some(429) };
    let prefetched = PrefetchDecided {
        source: source(),
        query: query(),
        job: job(),
        need_id: need_id(),
        verdict: PrefetchVerdict::OverShare,
        asks_permille: 1_250,
        next_at: Some(NOW.plus_ms(3_600_000)),
    };
    let narrowed = AnswerNarrowed {
        source: source(),
        query: query(),
        subject: Subject("company:7707083893".to_owned()),
        params: Sealable::Plain(params()),
        larger: QueryKey([25; 16]),
        part_of: observation(),
    };
    vec![
        opened.into(),
        BreakerClosed { source: source(), proxy: None, since: NOW }.into(),
        slowed.into(),
        prefetched.into(),
        narrowed.into(),
        QueueWeighed { costs: [1, 2, 4, 64, 256], waiting: 3, age: 500 }.into(),
        SourceTold {
            source: "courts#1".to_owned(),
            shards: 4,
            rest_until: Some(NOW.plus_ms(90_000)),
            slowed: Some(Slowed { permille: 500, full_at: NOW.plus_ms(600_000), http_status: Some(429) }),
        }
        .into(),
    ]
}

fn of_observations() -> Vec<Event> {
    let chunk = ObservationChunk {
        source: "courts".to_owned(),
        query: query(),
        lease: lease(),
        index: 1,
        added: vec![plain_fact(), sealed_fact()],
        gone: vec![FactId([18; 32])],
        volatile: volatile(),
    };
    vec![
        FactObserved { query: query(), fact: plain_fact() }.into(),
        FactVanished { query: query(), fact_id: FactId([18; 32]) }.into(),
        chunk.into(),
        recorded().into(),
    ]
}

fn channel() -> ChannelId {
    ChannelId([40; 16])
}

fn delivery() -> DeliveryId {
    DeliveryId([41; 16])
}

fn of_notifications() -> Vec<Event> {
    let set = ChannelSet {
        channel: channel(),
        tenant: "t".to_owned(),
        kind: ChannelKind::Email(Language::En),
        target: sealed(),
        shown: "example.org".to_owned(),
        types: NotificationType::ALL.to_vec(),
        secrets: vec![ChannelSecret { sealed: sealed(), until: Some(NOW) }],
        digest_ms: Some(3_600_000),
        muted_until: Some(NOW),
    };
    let notify = NotifySet {
        job: job(),
        tenant: "t".to_owned(),
        types: vec![NotificationType::Stale],
        channels: vec![channel()],
        muted_until: Some(NOW),
    };
    let raised = NotificationRaised {
        notification: NotificationId([42; 16]),
        tenant: "t".to_owned(),
        what: NotificationType::FactsChanged,
        job: Some(job()),
        status: Some(JobStatus::Partial),
        is_final: true,
        since: Some(Position { partition: 1, seq: 300 }),
        detail: NotificationDetail::Facts {
            need_id: need_id(),
            source: "courts".to_owned(),
            observation: observation(),
            added: 1,
            gone: 300,
            changed: 70_000,
        },
        deliveries: vec![PlannedDelivery { delivery: delivery(), channel: channel(), digest: true, due: NOW }],
    };
    let failed = DeliveryChange::Failed {
        n: 2,
        status: Some(503),
        cause: "status 503".to_owned(),
        retry_at: Some(NOW.plus_ms(5_000)),
    };
    vec![
        set.into(),
        ChannelEnded { channel: channel(), tenant: "t".to_owned() }.into(),
        notify.into(),
        raised.into(),
        NotificationRead { tenant: "t".to_owned(), notifications: vec![NotificationId([42; 16])] }.into(),
        DeliveryChanged { delivery: delivery(), channel: channel(), change: failed }.into(),
        ChannelStopped { channel: channel(), tenant: "t".to_owned(), by: Some(410) }.into(),
    ]
}

fn checkpoint() -> CheckpointTaken {
    CheckpointTaken {
        heads: vec![
            CheckpointHead { partition: 0, next_seq: 70_000, hash: CommitHash([17; 32]) },
            CheckpointHead { partition: 1, next_seq: 0, hash: CommitHash([18; 32]) },
        ],
        form: 4,
        rows_digest: [23; 32],
        rows: 5_000_000_000,
        place: "lists/x".to_owned(),
        list: [25; 32],
        node: "b".to_owned(),
    }
}

fn of_nodes() -> Vec<Event> {
    let adopted = PolicyAdopted {
        version: 12,
        origin: PolicyOrigin::Api,
        digest: [19; 32],
        document: r#"{"sources":{}}"#.to_owned(),
        connectors: [("courts".to_owned(), 4)].into(),
    };
    vec![
        adopted.into(),
        SourceDivided { source: "registry".to_owned(), shards: 4 }.into(),
        DeciderChanged { node: "b".to_owned(), url: Some("http://b:8080".to_owned()) }.into(),
        ReactionRefused { cause: Position { partition: 1, seq: 9 }, reason: "too large".to_owned() }.into(),
        checkpoint().into(),
    ]
}

/// One of each event, in the order of their numbers.
pub fn events() -> Vec<Event> {
    let withdrawn = NeedWithdrawn { job: job(), need_id: need_id(), by: NeedId([24; 16]) };
    let rested = SourceRested { source: "courts#2".to_owned(), until: NOW.plus_ms(90_000) };
    let later = vec![withdrawn.into(), rested.into()];
    [of_jobs(), of_sources(), of_health(), of_observations(), of_notifications(), later, of_nodes()].concat()
}

/// A head with every field filled in.
pub fn head() -> codec::CommitHead {
    codec::CommitHead {
        recorded_at: NOW,
        cause: Some(Position { partition: 2, seq: 70_000 }),
        cause_done: true,
        commands: vec![CommandId([17; 16])],
        cursors: vec![Position { partition: 3, seq: 300 }],
    }
}
