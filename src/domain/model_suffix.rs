//! Suffixes of a model's name that set parameters of the request, such as `gpt-5.5-high` and `gpt-5.5-fast`. They are
//! for clients in which users can choose a model and nothing else.

use super::model_list::ProviderModel;

/// The suffixes that set the reasoning effort.
const EFFORT_SUFFIXES: [(&str, &str); 5] =
    [("-minimal", "minimal"), ("-low", "low"), ("-medium", "medium"), ("-high", "high"), ("-xhigh", "xhigh")];
/// The suffix of the priority service tier.
const FAST_SUFFIX: &str = "-fast";

/// The parameters that the suffixes of a model's name set. The request's own parameters take precedence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelSuffixes {
    /// The reasoning effort.
    pub effort: Option<&'static str>,
    /// Whether the request gets the priority service tier.
    pub is_fast: bool,
}

impl ModelSuffixes {
    /// Splits a name into the longest known model and the suffixes after it; None if no known model fits.
    pub fn after_known<'a>(name: &'a str, known: &[ProviderModel]) -> Option<(&'a str, Self)> {
        let is_known = |model: &str| known.iter().any(|known| known.name == model);
        let (mut model, mut suffixes) = (name, Self::default());
        while !is_known(model) {
            (model, suffixes) = suffixes.split_last(model)?;
        }
        Some((model, suffixes))
    }

    /// Splits off all suffixes, for an account whose models are not known.
    pub fn split(name: &str) -> (&str, Self) {
        let (mut model, mut suffixes) = (name, Self::default());
        while let Some((shorter, more)) = suffixes.split_last(model) {
            (model, suffixes) = (shorter, more);
        }
        (model, suffixes)
    }

    /// Splits off the last suffix. Each kind of suffix may occur once.
    fn split_last(self, name: &str) -> Option<(&str, Self)> {
        let effort = EFFORT_SUFFIXES.into_iter().filter(|_| self.effort.is_none());
        let effort = effort.filter_map(|(suffix, effort)| Some((name.strip_suffix(suffix)?, Some(effort)))).next();
        let shorter = match effort {
            Some((model, effort)) => Some((model, Self { effort, ..self })),
            None if self.is_fast => None,
            None => name.strip_suffix(FAST_SUFFIX).map(|model| (model, Self { is_fast: true, ..self })),
        };
        shorter.filter(|(model, _)| !model.is_empty())
    }
}
