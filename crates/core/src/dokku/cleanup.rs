//! `cleanup`: what Docker has left over.

use crate::command::DokkuCommand;

/// Removes stopped containers of apps and images without a name. Images that carry one stay, so the
/// ones that are kept for rollbacks do; with an app's name after it Dokku (0.38) would also remove
/// every image of that app that no container uses, which is why that form is not built here.
pub fn of_everything() -> DokkuCommand {
    DokkuCommand::new("cleanup")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_app_is_named_so_that_images_for_rollbacks_stay() {
        assert_eq!(of_everything().wire().unwrap(), "cleanup");
    }
}
