//! The named rules by which orders are filled, and the sets of them that other engines follow.

use search_spaces::{Section, TemplateError};

use super::settings::{AtEnd, Crossing, Fill, Shares, Statistics, Summation};

/// An enum whose variants have the names that templates and fingerprints use.
macro_rules! named {
    (
        $(#[$about:meta])* $name:ident {
            $($(#[$what:meta])* $variant:ident = $text:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$what])* $variant,)* }

        impl $name {
            pub(super) const NAMES: &[(&str, Self)] = &[$(($text, Self::$variant),)*];

            pub(super) fn name(self) -> &'static str {
                Self::NAMES[self as usize].0
            }
        }
    };
}

named! {
    /// What comes first where one bar reaches both a stop and a profit level.
    SameBar {
        /// The stop: the pessimist's rule.
        StopFirst = "stop-first",
        /// The stop, also where the open has passed a profit level before.
        StopRegardless = "stop-regardless",
        TargetFirst = "target-first",
        /// Whichever is nearer to the bar's open; the stop, where both are equally near.
        NearestToOpen = "nearest-to-open",
        /// Whatever finer bars of the same symbol tell, and at the finest the stop.
        DrillDown = "drill-down",
        /// The stop loss, also where the open has passed a profit level before; a trailing stop
        /// that has moved comes after the profit levels, even where the open has passed it.
        TrailingLast = "trailing-last",
    }
}

named! {
    /// Which exits a position can meet at the bar at which it was opened. One that was opened at
    /// the market and at the open has the whole bar before it, but for `NextBar`.
    EntryBar {
        /// Opened within the bar: the stop if the bar reaches it at all; a profit level only
        /// where it must have come after the entry, which is so for stop orders.
        Pessimistic = "pessimistic",
        /// Opened by an order that waited: nothing but a profit level of a stop order where the
        /// bar does not reach the stop; all else waits for the next bar.
        Deferred = "deferred",
        /// None.
        NextBar = "next-bar",
        /// Opened within the bar: all, but where the bar closes on the losing side of its open and
        /// the entry was better than the open, its best price was before the entry: then profit
        /// levels only up to the close.
        ByClose = "by-close",
    }
}

named! {
    /// At which price a level is filled that the open has passed.
    Gaps {
        /// At the open: worse for a stop, better for a limit.
        Open = "open",
        /// A stop loss at its level if the bar comes back to it, else at the open; a limit and a
        /// profit level at the price of the bar that is nearest to it, or at the open if it counts
        /// from this open on.
        Level = "level",
    }
}

named! {
    /// When a trailing stop follows the best price of a bar.
    Trailing {
        /// After the bar.
        AfterBar = "after-bar",
        /// Before the worst price of the same bar, unless that reaches the stop as it stood. At
        /// the bar of the entry the stop is then filled as if the price had gone just far enough
        /// for it to follow at all.
        WithinBar = "within-bar",
    }
}

named! {
    /// What reaches a profit level.
    Targets {
        /// A price at the level.
        Touch = "touch",
        /// A price beyond the level only.
        Through = "through",
    }
}

named! {
    /// When an account that has left a position may decide to enter again.
    Reentry {
        /// At the close of the bar in which it left.
        SameBar = "same-bar",
        /// At the close of the bar after that.
        NextBar = "next-bar",
        /// Once the entry rule has been false at a close since the last entry by that rule.
        AfterSignal = "after-signal",
    }
}

named! {
    /// What counts where the rules of an entry and of the exit in its direction hold at one bar.
    Conflict {
        /// Whichever has something to do: the exit while there is a position in that direction,
        /// and the entry while there is none.
        ByPosition = "by-position",
        /// The exit: nothing is entered.
        Exit = "exit",
        /// Neither, as if there were no signal at all.
        Neither = "neither",
    }
}

named! {
    /// With which price and equity the size of an entry is worked out.
    SizeAt {
        /// Those of the fill.
        Fill = "fill",
        /// The close at which it was decided.
        Decision = "decision",
    }
}

named! {
    /// What becomes of an entry of so many shares for which there is no room.
    Unaffordable {
        /// It is cut to the room that there is.
        Cut = "cut",
        /// It is dropped.
        Refuse = "refuse",
    }
}

named! {
    /// Whose cash several symbols trade with.
    Accounts {
        /// Equal parts of it, each an account of its own.
        Separate = "separate",
        /// All of it, in one account.
        Shared = "shared",
    }
}

named! {
    /// What a trailing stop follows.
    Trail {
        /// The best price since the entry: highs for a long position, lows for a short one.
        Extreme = "extreme",
        /// The best close since the entry.
        Close = "close",
    }
}

/// Whose conventions hold where the template does not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    Own,
    BacktestingPy,
    Vectorbt,
    Backtrader,
    LeanDaily,
    Freqtrade,
}

impl Preset {
    pub(super) const NAMES: &[(&str, Self)] = &[
        ("own", Self::Own),
        ("backtesting.py", Self::BacktestingPy),
        ("vectorbt", Self::Vectorbt),
        ("backtrader", Self::Backtrader),
        ("lean-daily", Self::LeanDaily),
        ("freqtrade", Self::Freqtrade),
    ];
}

/// Everything that a preset sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conventions {
    pub fill: Fill,
    pub shares: Shares,
    pub at_end: AtEnd,
    pub summation: Summation,
    pub crossing: Crossing,
    pub statistics: Statistics,
    pub orders: OrderRules,
}

/// The rules of orders beyond those that every account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderRules {
    pub same_bar: SameBar,
    pub entry_bar: EntryBar,
    pub gaps: Gaps,
    pub trailing: Trailing,
    pub targets: Targets,
    pub reentry: Reentry,
    pub conflict: Conflict,
    pub size_at: SizeAt,
    pub unaffordable: Unaffordable,
    pub accounts: Accounts,
}

impl OrderRules {
    const OWN: Self = Self {
        same_bar: SameBar::StopFirst,
        entry_bar: EntryBar::Pessimistic,
        gaps: Gaps::Open,
        trailing: Trailing::AfterBar,
        targets: Targets::Touch,
        reentry: Reentry::SameBar,
        conflict: Conflict::ByPosition,
        size_at: SizeAt::Fill,
        unaffordable: Unaffordable::Cut,
        accounts: Accounts::Separate,
    };

    /// Reads the keys of the rules; what is absent is as `conventions` say.
    pub(super) fn read(
        section: &mut Section<'_>,
        conventions: &Conventions,
    ) -> Result<Self, TemplateError> {
        let absent = conventions.orders;
        let accounts = section.one_of("accounts", Accounts::NAMES)?.unwrap_or(absent.accounts);
        let unaffordable = section.one_of("unaffordable", Unaffordable::NAMES)?;
        Ok(Self {
            same_bar: section.one_of("same_bar", SameBar::NAMES)?.unwrap_or(absent.same_bar),
            entry_bar: section.one_of("entry_bar", EntryBar::NAMES)?.unwrap_or(absent.entry_bar),
            gaps: section.one_of("gaps", Gaps::NAMES)?.unwrap_or(absent.gaps),
            trailing: section.one_of("trailing", Trailing::NAMES)?.unwrap_or(absent.trailing),
            targets: section.one_of("targets", Targets::NAMES)?.unwrap_or(absent.targets),
            reentry: section.one_of("reentry", Reentry::NAMES)?.unwrap_or(absent.reentry),
            conflict: section.one_of("conflict", Conflict::NAMES)?.unwrap_or(absent.conflict),
            size_at: section.one_of("size_at", SizeAt::NAMES)?.unwrap_or(absent.size_at),
            unaffordable: unaffordable.unwrap_or(absent.unaffordable),
            accounts,
        })
    }

    /// The rules as texts, of those only that differ from the project's own.
    pub(super) fn texts(self) -> Vec<String> {
        let own = Self::OWN;
        let rules = [
            ("same_bar", self.same_bar.name(), own.same_bar.name()),
            ("entry_bar", self.entry_bar.name(), own.entry_bar.name()),
            ("gaps", self.gaps.name(), own.gaps.name()),
            ("trailing", self.trailing.name(), own.trailing.name()),
            ("targets", self.targets.name(), own.targets.name()),
            ("reentry", self.reentry.name(), own.reentry.name()),
            ("conflict", self.conflict.name(), own.conflict.name()),
            ("size_at", self.size_at.name(), own.size_at.name()),
            ("unaffordable", self.unaffordable.name(), own.unaffordable.name()),
            ("accounts", self.accounts.name(), own.accounts.name()),
        ];
        let differing = rules.iter().filter(|(_, found, own)| found != own);
        differing.map(|(key, found, _)| format!("{key} = {found}")).collect()
    }
}

impl Conventions {
    /// The conventions of this project.
    const OWN: Self = Self {
        fill: Fill::NextOpen,
        shares: Shares::Whole,
        at_end: AtEnd::LastClose,
        summation: Summation::Exact,
        crossing: Crossing::Strict,
        statistics: Statistics::Arithmetic,
        orders: OrderRules::OWN,
    };

    /// The conventions of another engine, as far as this one has a rule for them.
    pub(super) fn of(preset: Preset) -> Self {
        let own = Self::OWN;
        match preset {
            Preset::Own => own,
            Preset::BacktestingPy => Self {
                at_end: AtEnd::LastOpen,
                summation: Summation::Rolling,
                statistics: Statistics::Geometric,
                orders: OrderRules {
                    same_bar: SameBar::StopRegardless,
                    entry_bar: EntryBar::Deferred,
                    unaffordable: Unaffordable::Refuse,
                    ..own.orders
                },
                ..own
            },
            Preset::Vectorbt => Self {
                fill: Fill::SameClose,
                shares: Shares::Fractional,
                summation: Summation::Rolling,
                orders: OrderRules {
                    entry_bar: EntryBar::NextBar,
                    reentry: Reentry::NextBar,
                    conflict: Conflict::Neither,
                    ..own.orders
                },
                ..own
            },
            Preset::Backtrader | Preset::LeanDaily => Self {
                orders: OrderRules {
                    entry_bar: EntryBar::NextBar,
                    size_at: SizeAt::Decision,
                    unaffordable: Unaffordable::Refuse,
                    ..own.orders
                },
                ..own
            },
            Preset::Freqtrade => Self {
                shares: Shares::Fractional,
                at_end: AtEnd::LastOpen,
                orders: OrderRules {
                    same_bar: SameBar::TrailingLast,
                    entry_bar: EntryBar::ByClose,
                    gaps: Gaps::Level,
                    trailing: Trailing::WithinBar,
                    targets: Targets::Through,
                    conflict: Conflict::Neither,
                    ..own.orders
                },
                ..own
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_their_variants_and_presets_differ_from_the_own_rules() {
        for (name, preset) in Preset::NAMES {
            let differs = Conventions::of(*preset) != Conventions::OWN;
            assert_eq!(differs, *preset != Preset::Own, "{name}");
        }
        for (name, rule) in SameBar::NAMES {
            assert_eq!(rule.name(), *name);
        }
        assert!(OrderRules::OWN.texts().is_empty());
        let vectorbt = Conventions::of(Preset::Vectorbt).orders.texts();
        assert_eq!(vectorbt, ["entry_bar = next-bar", "reentry = next-bar", "conflict = neither"]);
    }
}
