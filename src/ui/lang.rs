//! The reader's language: what the address asks for, else what was chosen before, else what the browser prefers.

pub use crate::words::Lang;

impl Lang {
    /// Chooses by `?lang=`, the cookie and `Accept-Language`, in this order. English where none says anything known.
    pub fn choose(query: Option<&str>, cookie: Option<&str>, accept: Option<&str>) -> Self {
        query
            .and_then(Self::from_tag)
            .or_else(|| cookie.and_then(Self::from_tag))
            .or_else(|| accept.and_then(Self::from_accept))
            .unwrap_or(Self::En)
    }

    /// The known language of the greatest weight; of equal ones the first.
    fn from_accept(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for part in header.split(',') {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let weight = match rest.trim().strip_prefix("q=") {
                Some(number) => number.trim().parse().unwrap_or(0.0),
                None => 1.0,
            };
            if let Some(lang) = Self::from_tag(tag)
                && weight > 0.0
                && best.is_none_or(|(_, known)| weight > known)
            {
                best = Some((lang, weight));
            }
        }
        best.map(|(lang, _)| lang)
    }
}

#[cfg(test)]
mod tests {
    use super::Lang;

    #[test]
    fn a_choice_beats_a_habit_beats_a_preference() {
        assert_eq!(Lang::choose(Some("ru"), Some("en"), Some("en")), Lang::Ru);
        assert_eq!(Lang::choose(Some("fr"), Some("ru"), Some("en")), Lang::Ru);
        assert_eq!(Lang::choose(None, None, Some("fr, en-GB;q=0.7, ru;q=0.8")), Lang::Ru);
        assert_eq!(Lang::choose(None, None, Some("ru;q=0, en;q=0.1")), Lang::En);
        assert_eq!(Lang::choose(None, None, Some("de")), Lang::En);
    }
}
