//! `builder:*`. Only what keeping earlier images needs.

use crate::{app::AppName, command::DokkuCommand};

/// Keeps the images of earlier releases: otherwise Dokku removes them at the next deploy, whatever
/// further tags they have. Since Dokku 0.38.0; before, the variable `DOKKU_SKIP_CLEANUP` does it.
pub fn keep_images(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("builder:set", app)
        .flag("skip-cleanup")
        .flag("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::app;

    #[test]
    fn the_command_on_the_wire() {
        assert_eq!(
            keep_images(&app("myapp")).wire().unwrap(),
            "builder:set myapp skip-cleanup true"
        );
    }
}
