//! What becomes of the preview of a pull request: decided from what GitHub says about the people behind
//! it, before anything of the pull request is read or run.

/// What somebody or something asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The pull request was opened, or something was pushed to it.
    ByEvent,
    /// Somebody of the team asks for a deploy by hand.
    ByHand,
    /// The pull request was closed, or somebody asks for the end of its preview.
    Destroy {
        /// Whether a person asks for it.
        by_hand: bool,
    },
}

/// What is known of a pull request and of the people behind it. All of it comes from GitHub's API; the
/// text of an event proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether it is open.
    pub is_open: bool,
    /// Its newest commit.
    pub head: String,
    /// Whether its branch is in the repository itself.
    pub is_own_branch: bool,
    /// Whether its author is a member of the team.
    pub author_is_member: bool,
    /// Whether the person who pushed, or who asks, is one.
    pub actor_is_member: bool,
    /// The commit that the run's event is about: whoever acted has pushed it, and nothing newer.
    pub pushed: Option<String>,
    /// The commit for which an approval was asked, if one was.
    pub asked_for: Option<String>,
    /// The commit that the person names who asks by hand.
    pub named: Option<String>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The commit is deployed. `is_foreign`: the code is that of somebody outside of the team, and gets
    /// nothing that is the team's.
    Deploy {
        /// Whether it is.
        is_foreign: bool,
    },
    /// The preview goes.
    Destroy,
    /// A maintainer has to look at the commit: the pull request is told so, nothing is deployed.
    AskForApproval {
        /// Why.
        why: String,
    },
    /// Nothing is done.
    Nothing {
        /// Why.
        why: String,
    },
    /// It is not allowed.
    Refuse {
        /// Why.
        why: String,
    },
}

/// Decides.
pub fn decide(asked: Asked, facts: &Facts) -> Decision {
    let nothing = |why: &str| Decision::Nothing {
        why: why.to_owned(),
    };
    match asked {
        Asked::Destroy { by_hand: true } if !facts.actor_is_member => Decision::Refuse {
            why: "only a member of the team ends a preview by hand".to_owned(),
        },
        Asked::Destroy { by_hand: false } if facts.is_open => {
            nothing("the pull request is open again")
        }
        Asked::Destroy { .. } => Decision::Destroy,
        Asked::ByEvent | Asked::ByHand if !facts.is_open => nothing("the pull request is closed"),
        // Somebody else may have pushed what is there by now.
        Asked::ByEvent if facts.pushed.as_ref().is_some_and(|sha| *sha != facts.head) => {
            nothing("it has a newer commit than that of this run, which has a run of its own")
        }
        Asked::ByHand if !facts.actor_is_member => Decision::Refuse {
            why: "only a member of the team deploys a preview by hand".to_owned(),
        },
        Asked::ByEvent | Asked::ByHand if is_of_the_team(facts) => {
            Decision::Deploy { is_foreign: false }
        }
        Asked::ByEvent => Decision::AskForApproval {
            why: outsider(facts).to_owned(),
        },
        Asked::ByHand => approved(facts),
    }
}

fn is_of_the_team(facts: &Facts) -> bool {
    facts.author_is_member && facts.is_own_branch && facts.actor_is_member
}

fn outsider(facts: &Facts) -> &'static str {
    if !facts.author_is_member {
        "its author is no member of the team"
    } else if !facts.is_own_branch {
        "its branch is in another repository"
    } else {
        "whoever pushed is no member of the team"
    }
}

/// An approval holds for the commit that was seen: the one that is named, or the one that the pull
/// request was told of.
fn approved(facts: &Facts) -> Decision {
    let seen = facts.named.as_deref().or(facts.asked_for.as_deref());
    match seen {
        Some(seen) if seen == facts.head => Decision::Deploy { is_foreign: true },
        Some(_) => Decision::AskForApproval {
            why: "its newest commit is not the one that was looked at".to_owned(),
        },
        None => Decision::AskForApproval {
            why: "nobody was asked to look at its newest commit yet".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            is_open: true,
            head: "a".repeat(40),
            is_own_branch: true,
            author_is_member: true,
            actor_is_member: true,
            pushed: None,
            asked_for: None,
            named: None,
        }
    }

    fn word(asked: Asked, change: impl FnOnce(&mut Facts)) -> &'static str {
        let mut facts = facts();
        change(&mut facts);
        match decide(asked, &facts) {
            Decision::Deploy { is_foreign: false } => "deploy",
            Decision::Deploy { is_foreign: true } => "foreign",
            Decision::Destroy => "destroy",
            Decision::AskForApproval { .. } => "ask",
            Decision::Nothing { .. } => "nothing",
            Decision::Refuse { .. } => "refuse",
        }
    }

    #[test]
    fn only_what_members_push_to_the_repository_itself_deploys_on_its_own() {
        use Asked::ByEvent;
        assert_eq!(word(ByEvent, |_| {}), "deploy");
        assert_eq!(word(ByEvent, |f| f.author_is_member = false), "ask");
        assert_eq!(word(ByEvent, |f| f.is_own_branch = false), "ask");
        assert_eq!(word(ByEvent, |f| f.actor_is_member = false), "ask");
        assert_eq!(word(ByEvent, |f| f.is_open = false), "nothing");
        // A run of a member's push must not deploy what somebody else has pushed since.
        assert_eq!(
            word(ByEvent, |f| f.pushed = Some("b".repeat(40))),
            "nothing"
        );
        assert_eq!(word(ByEvent, |f| f.pushed = Some("a".repeat(40))), "deploy");
    }

    #[test]
    fn an_approval_holds_for_the_commit_that_was_seen_and_is_a_members() {
        use Asked::ByHand;
        let seen = |sha: &str| Some(sha.repeat(40));
        assert_eq!(word(ByHand, |_| {}), "deploy");
        let fork = |asked_for, named| {
            word(ByHand, |f| {
                f.is_own_branch = false;
                f.asked_for = asked_for;
                f.named = named;
            })
        };
        assert_eq!(fork(None, None), "ask");
        assert_eq!(fork(seen("b"), None), "ask");
        assert_eq!(fork(seen("a"), None), "foreign");
        assert_eq!(fork(seen("a"), seen("b")), "ask");
        assert_eq!(fork(seen("b"), seen("a")), "foreign");
        assert_eq!(word(ByHand, |f| f.actor_is_member = false), "refuse");
    }

    #[test]
    fn a_closed_pull_request_loses_its_preview_and_one_that_was_reopened_keeps_it() {
        let closed = Asked::Destroy { by_hand: false };
        assert_eq!(word(closed, |f| f.is_open = false), "destroy");
        assert_eq!(word(closed, |_| {}), "nothing");
        let by_hand = Asked::Destroy { by_hand: true };
        assert_eq!(word(by_hand, |_| {}), "destroy");
        assert_eq!(word(by_hand, |f| f.actor_is_member = false), "refuse");
    }
}
