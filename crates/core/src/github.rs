//! What GitHub shows of a deploy: commit statuses and comments, as texts. Sending them is
//! somebody else's.
//!
//! Contexts and headings are those that people's branch rules and bots know already.

mod comment;
mod markdown;
mod status;
mod summary;

pub use self::{
    comment::{
        Closed, Deployed, Outsider, PreviewComment, PreviewState, commit_of_approval,
        deployed_comment, destroyed_comment, is_approval_comment, is_deployed_comment,
        is_preview_comment, outsider_comment, preview_comment,
    },
    markdown::{code, plain},
    status::{CommitStatus, State, context, failed, pending, succeeded},
    summary::{deploy_summary, refusal_summary, rollback_summary},
};

use std::time::Duration;

/// A time as people read it, such as `2m 34s`.
pub fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}m {}s", seconds / 60, seconds % 60)
}

/// `text`, at most `most` characters of it; what is cut ends with an ellipsis.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
