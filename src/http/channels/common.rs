//! What channels of all kinds have in common.

use crate::core::command::{Command, Reply};
use crate::core::notify::{LONGEST_DIGEST_MS, NotifyCommand, SHORTEST_DIGEST_MS, SetChannel, secret};
use crate::core::policy::DurationMs;
use crate::explain::time::rfc3339;
use crate::http::answer;
use crate::http::auth::Caller;
use crate::http::error::{Code, Problem, Result, no_duration, refused};
use crate::http::query::{IdempotencyKey, Page, cursor, limit, start};
use crate::http::state::AppState;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::{ChannelRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::{ChannelId, ChannelKind, ChannelSet, NotificationType, Position, SealedBytes, Timestamp};

/// The longest time for which a channel is silent.
const LONGEST_MUTE_MS: u64 = 366 * 86_400_000;

/// The types of these words; where there are none, all that there are.
pub(in crate::http) fn types_or_all(at: &str, words: Option<&[String]>) -> Result<Vec<NotificationType>> {
    words.map_or_else(|| Ok(NotificationType::ALL.to_vec()), |words| types(at, words))
}

/// The types of these words.
fn types(at: &str, words: &[String]) -> Result<Vec<NotificationType>> {
    let of = |(index, word): (usize, &String)| {
        NotificationType::of_word(word).ok_or_else(|| {
            let known: Vec<&str> = NotificationType::ALL.into_iter().map(NotificationType::word).collect();
            Problem::invalid(&format!("{at}/{index}"), refused("event", &[("given", word.as_str().into())]))
                .fix(refused("some_of", &[("known", known.join(", ").into())]))
        })
    };
    words.iter().enumerate().map(of).collect()
}

/// The words of these types.
pub(in crate::http) fn type_words(types: &[NotificationType]) -> Vec<String> {
    types.iter().map(|one| one.word().to_owned()).collect()
}

/// A time over which is collected; `0s` is none.
pub(super) fn digest(text: Option<&str>) -> Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    let ms = duration("/digest", text)?;
    if ms > 0 && !(SHORTEST_DIGEST_MS..=LONGEST_DIGEST_MS).contains(&ms) {
        return Err(Problem::invalid("/digest", refused("digest", &[])).fix(refused("digest_fix", &[])));
    }
    Ok(Some(ms).filter(|ms| *ms > 0))
}

/// Until when somebody is told nothing; `0s` ends the silence.
pub(in crate::http) fn muted_until(state: &AppState, text: &str) -> Result<Option<Timestamp>> {
    let ms = duration("/mute", text)?;
    if ms > LONGEST_MUTE_MS {
        return Err(Problem::invalid("/mute", refused("mute", &[])).fix(refused("mute_fix", &[])));
    }
    Ok(Some(ms).filter(|ms| *ms > 0).map(|ms| state.engine().now().plus_ms(ms)))
}

/// Until when somebody is still told nothing, for the answer.
pub(in crate::http) fn muted_still(state: &AppState, until: Option<Timestamp>) -> Option<String> {
    until.filter(|until| state.engine().now() < *until).map(rfc3339)
}

pub(super) fn duration(at: &str, text: &str) -> Result<u64> {
    let parsed: std::result::Result<DurationMs, _> = text.parse();
    let wrong = |error| Problem::invalid(at, no_duration(error)).fix(refused("duration_fix", &[]));
    Ok(parsed.map_err(wrong)?.0)
}

/// The id of a new channel: by the key, or a fresh one.
pub(super) fn new_id(caller: &Caller, kind: &str, key: Option<&IdempotencyKey>) -> ChannelId {
    match key {
        Some(IdempotencyKey(key)) => ChannelId::of(&[caller.tenant.as_bytes(), kind.as_bytes(), key.as_bytes()]),
        None => {
            let fresh: [u8; 32] = rand::random();
            ChannelId::of(&[caller.tenant.as_bytes(), b"", &fresh])
        }
    }
}

/// Seals with the key of a channel.
pub(super) fn seal(state: &AppState, channel: ChannelId, text: &str) -> Result<SealedBytes> {
    secret::seal(&**state.engine().vault(), channel, text).map_err(Problem::internal)
}

/// Opens what was sealed for a channel.
pub(super) fn open(state: &AppState, sealed: &SealedBytes) -> Result<String> {
    secret::open(&**state.engine().vault(), sealed).ok_or_else(|| Problem::said(Code::Erased, "channel_erased", &[]))
}

/// Whether a kind is the one that is looked for.
pub(super) type OfKind = fn(ChannelKind) -> bool;

/// A channel of the caller's tenant; another tenant's, or of another kind, is not told apart from none.
pub(super) fn find(state: &AppState, caller: &Caller, id: &str, of_kind: OfKind, what: &str) -> Result<ChannelRow> {
    let missing = || Problem::not_found(what);
    let channel: ChannelId = id.parse().map_err(|_| missing())?;
    let row: Option<ChannelRow> = state.engine().views().row(channel.as_bytes())?;
    row.filter(|row| row.set.tenant == caller.tenant && of_kind(row.set.kind)).ok_or_else(missing)
}

/// A page of the caller's channels of a kind.
pub(super) fn list<T>(
    state: &AppState,
    caller: &Caller,
    of_kind: OfKind,
    query: &crate::http::jobs::list::ListQuery,
    view: impl Fn(&ChannelRow) -> Result<T>,
) -> Result<Page<T>> {
    let limit = limit(query.limit)?;
    let list = format!("channels of {}", caller.tenant);
    let prefix = key::channel_by_tenant(&caller.tenant, None);
    let from = start(&list, &prefix, query.cursor.as_deref())?;
    let views = state.engine().views();
    let mut items = Vec::new();
    // A tenant has a hundred channels at most, of all kinds together.
    for at in views.keys(Table::ChannelByTenant, &prefix, &from, crate::core::notify::MOST_CHANNELS)? {
        let Some(channel) = key::tail(&at).map(ChannelId) else { continue };
        let row: Option<ChannelRow> = views.row(channel.as_bytes())?;
        let Some(row) = row.filter(|row| of_kind(row.set.kind)) else { continue };
        items.push((channel, view(&row)?));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().map(|(channel, _)| *channel).filter(|_| more);
    let next_cursor = last.map(|channel| cursor(&list, channel.as_bytes()));
    Ok(Page { items: items.into_iter().map(|(_, view)| view).collect(), next_cursor })
}

/// What of a channel the caller gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// All of a new one; its secret, or that was drawn.
    New { secret: bool },
    /// Where it leads.
    Target,
    /// Something else of it.
    Other,
}

/// Has a channel set; the row as it is now, and the commit.
pub(super) async fn set(state: &AppState, set: ChannelSet, given: Given) -> Result<(ChannelRow, Position)> {
    let (new, secret_given) = (matches!(given, Given::New { .. }), given == Given::New { secret: true });
    let told_again = given == Given::Target;
    let command = NotifyCommand::SetChannel(SetChannel { set, new, secret_given, told_again });
    let decided = state.engine().submit(Command::Notify(command)).await?;
    let Reply::Channel(channel) = decided.reply else { return Err(Problem::internal(format!("{:?}", decided.reply))) };
    let row: Option<ChannelRow> = state.engine().views().row(channel.as_bytes())?;
    Ok((row.ok_or_else(|| Problem::not_found("channel"))?, decided.position))
}

/// What of a channel of any kind is to be another; what is none stays.
pub(super) fn change(
    state: &AppState,
    set: &mut ChannelSet,
    events: Option<&[String]>,
    digest_over: Option<&str>,
    mute: Option<&str>,
) -> Result<()> {
    if let Some(words) = events {
        set.types = types("/events", words)?;
    }
    if digest_over.is_some() {
        set.digest_ms = digest(digest_over)?;
    }
    if let Some(text) = mute {
        set.muted_until = muted_until(state, text)?;
    }
    Ok(())
}

/// Ends a channel.
pub(super) async fn end(state: &AppState, caller: &Caller, id: &str, of_kind: OfKind, what: &str) -> Result<Response> {
    let set = find(state, caller, id, of_kind, what)?.set;
    let command = NotifyCommand::EndChannel { channel: set.channel, tenant: set.tenant };
    let position = state.engine().submit(Command::Notify(command)).await?.position;
    Ok(answer::positioned(&position.to_string(), StatusCode::NO_CONTENT.into_response()))
}
