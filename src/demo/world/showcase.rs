//! Addresses with a story, for whoever wants to see something at once.

/// A named address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Showcase {
    /// A quiet developer, no debts, good reviews.
    Low,
    /// A developer whose bankruptcy begins on 2025-10-14 and goes on from stage to stage; the flat is under arrest.
    High,
    /// No source knows anything.
    Nothing,
    /// Sources that fail at first: a captcha, an outage.
    Flaky,
    /// A huge complex with more than two hundred offers, on many pages.
    Large,
}

impl Showcase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Low, Self::High, Self::Nothing, Self::Flaky, Self::Large];

    /// The address to type.
    pub const fn address(self) -> &'static str {
        match self {
            Self::Low => "г Небывалинск, ул Вымышленная, д 7, кв 12",
            Self::High => "г Небывалинск, ул Придуманная, д 13, кв 66",
            Self::Nothing => "г Небывалинск, ул Пустая, д 1",
            Self::Flaky => "г Небывалинск, ул Непостоянная, д 404, кв 3",
            Self::Large => "г Небывалинск, ул Стооконная, д 100",
        }
    }

    /// What to see there, in Russian and English.
    pub const fn story(self) -> (&'static str, &'static str) {
        match self {
            Self::Low => ("спокойный застройщик, низкий риск", "a quiet developer, low risk"),
            Self::High => (
                "банкротство застройщика с 14.10.2025 и арест, высокий риск",
                "the developer's bankruptcy from 2025-10-14 and an arrest, high risk",
            ),
            Self::Nothing => ("источники отвечают: записей не найдено", "sources answer: no records found"),
            Self::Flaky => ("источники сначала сбоят: капча, отказ", "sources fail at first: a captcha, an outage"),
            Self::Large => {
                ("более двухсот объявлений на многих страницах", "more than two hundred offers on many pages")
            }
        }
    }

    /// The street's and the house's words that tell this address from others.
    pub(super) const fn mark(self) -> (&'static str, &'static str) {
        match self {
            Self::Low => ("вымышленная", "7"),
            Self::High => ("придуманная", "13"),
            Self::Nothing => ("пустая", "1"),
            Self::Flaky => ("непостоянная", "404"),
            Self::Large => ("стооконная", "100"),
        }
    }
}
