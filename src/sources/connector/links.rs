//! Addresses: which may be called, where links lead, and what is put into a query or a form.

use super::parts::Known;
use super::request::PreparedRequest;
use crate::core::policy::PagesSpec;
use url::Url;

/// The request that follows a link on a page, or why it is not followed.
pub(super) fn follow(link: &str, request: &PreparedRequest, final_url: &str) -> Result<PreparedRequest, &'static str> {
    let base = Url::parse(final_url).unwrap_or_else(|_| request.url.clone());
    let mut url = base.join(link.trim()).map_err(|_| "the link to the next page is no address")?;
    url.set_fragment(None);
    if link.trim().is_empty() || !matches!(url.scheme(), "http" | "https") {
        return Err("the link to the next page is not one to follow");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the link to the next page is not one to follow");
    }
    // A source may say our own key back in its link; a name stands for it by now, and goes to nobody but the source.
    let own_key = url.origin() == request.url.origin() && names_only_own(url.query().unwrap_or_default(), request);
    let path = url.path();
    if path.contains("${") || path.contains("$%7B") || (url.as_str().contains("${") && !own_key) {
        return Err("the link to the next page holds the name of a secret");
    }
    let mut headers = request.headers.clone();
    headers.remove("content-type");
    let mut own = request.own;
    if url.origin() != request.url.origin() {
        let upgraded = url.scheme() == "https" && url.host_str() == request.url.host_str();
        if url.origin() != base.origin() && !upgraded {
            return Err("the link to the next page leads to another host");
        }
        if url.host_str() != request.url.host_str() {
            // Where a redirect led may be read on, but is not shown what was meant for the source.
            headers.retain(|_, value| !names_secret(value));
            own = false;
        }
    }
    if url == request.url && request.body.is_none() {
        return Err("the link to the next page leads to the page itself");
    }
    // What a link names is fetched, as a browser does.
    Ok(PreparedRequest {
        method: "GET".to_owned(),
        url,
        headers,
        body: None,
        form: false,
        step: request.step,
        number: request.number.saturating_add(1),
        taken: request.taken.clone(),
        own,
    })
}

/// Where the header `Link` (RFC 8288) says that the next page is.
pub(super) fn next_of(header: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        // Parameters go on to the next comma outside of quotes.
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let (params, next) = after.split_at(end.unwrap_or(after.len()));
        let is_next = params.split(';').filter_map(|param| param.split_once('=')).any(|(name, value)| {
            let mut rels = value.trim().trim_matches('"').split_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && rels.any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.trim().to_owned());
        }
        rest = next;
    }
}

/// Whether every secret that a query names is named by the request already.
fn names_only_own(query: &str, request: &PreparedRequest) -> bool {
    let named = |name: &str| {
        let (inner, whole) = (format!("${{{name}}}"), format!("env:{name}"));
        request.url.query().is_some_and(|query| query.contains(&inner))
            || request.headers.values().any(|value| *value == whole || value.contains(&inner))
    };
    query.split("${").skip(1).all(|rest| rest.split_once('}').is_some_and(|(name, _)| named(name)))
}

pub(super) fn names_secret(value: &str) -> bool {
    value.starts_with("env:") || value.contains("${")
}

/// `{{ search.link }}` and nothing else: an address that an earlier step gave.
pub(super) fn link_of(url: &str, known: &Known) -> Option<(String, String)> {
    let name = url.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let (step, name) = name.split_once('.')?;
    known.taken.get(step)?.contains(name).then(|| (step.to_owned(), name.to_owned()))
}

pub(super) fn judge_pages(pages: &PagesSpec, problem: &mut dyn FnMut(&str, String)) {
    let ways = [pages.next.is_some(), pages.page.is_some(), pages.cursor.is_some(), pages.link];
    if ways.iter().filter(|way| **way).count() != 1 {
        problem("pages", "one of `next`, `page`, `cursor` and `link`".to_owned());
    }
    if let Some(page) = &pages.page {
        match page.last_when.as_str() {
            "empty" => {}
            "short" if page.size.is_some() => {}
            "short" => problem("pages.page.size", "how many items does a full page have?".to_owned()),
            other => problem("pages.page.last_when", format!("\"empty\" or \"short\", not {other:?}")),
        }
        if page.step == 0 || page.size == Some(0) {
            problem("pages.page", "`step` and `size` are at least 1".to_owned());
        }
        if page.total.is_some() && page.size.is_none() {
            problem("pages.page.total", "needs `size`, how many items a full page has".to_owned());
        }
    }
    if pages.max == 0 {
        problem("pages.max", "at least 1".to_owned());
    }
}

/// One field of a form; the names of secrets stay as they are, and are encoded when they are put in.
pub(super) fn field(name: &str, value: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut out = format!("{}=", encode(name));
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(&encode(before));
        match after.split_once('}') {
            Some((secret, after)) => {
                out.push_str(&format!("${{{secret}}}"));
                rest = after;
            }
            None => {
                out.push_str(&encode("${"));
                rest = after;
            }
        }
    }
    out + &encode(rest)
}

/// Sets one query parameter and leaves the others as they are written.
pub(super) fn set_query(url: &mut Url, name: &str, value: &str) {
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let mut pairs: Vec<String> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(encoded.as_str()))
        .map(str::to_owned)
        .collect();
    pairs.push(format!("{encoded}={value}"));
    url.set_query(Some(&pairs.join("&")));
}

/// The host must stand in the file: a parameter may never choose whom to call.
pub(super) fn literal_host(url: &str) -> Result<String, String> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("an address begins with http:// or https://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    if authority.contains(['{', '}', '$', '%']) {
        return Err("the host must be written out, followed by `/` or `?`".to_owned());
    }
    if authority.contains('@') {
        return Err("credentials do not belong in an address; use a header `env:NAME` or `${NAME}`".to_owned());
    }
    let scheme = if url.starts_with("https") { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{authority}/"))
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .ok_or_else(|| format!("{authority:?} is no host"))
}

pub(super) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_headers() {
        let last = "<https://a.example/?page=9>; rel=\"last\"";
        assert_eq!(next_of(last), None);
        for next in ["</l?page=2>; rel=next", "</l?page=2> ; title=\"a, b\"; REL=\"prev next\""] {
            assert_eq!(next_of(next).as_deref(), Some("/l?page=2"));
            assert_eq!(next_of(&format!("{last}, {next}")).as_deref(), Some("/l?page=2"));
        }
        assert_eq!(next_of("nonsense <"), None);
    }

    #[test]
    fn fields_of_a_form_keep_the_names_of_secrets() {
        assert_eq!(field("a b", "x&y=${KEY} ${"), "a+b=x%26y%3D${KEY}+%24%7B");
    }
}
