//! GitHub workflows that would stop a deploy in the middle.

use super::{
    fault::{Fault, Sink, Source},
    yaml::{self, Node, Value},
};

/// What in a workflow (a file of `.github/workflows`) would stop a running deploy:
/// `cancel-in-progress` of the workflow or of a job that deploys. A file that cannot be read is a
/// warning too, since then nobody knows.
pub fn workflow_warnings(source: Source<'_>) -> Vec<Fault> {
    let mut sink = Sink::new(source);
    let root = yaml::parse(source.text, &mut sink);
    let jobs: Vec<&Node> = root
        .as_ref()
        .and_then(|root| value(root, "jobs"))
        .map(entries)
        .unwrap_or_default();
    let deploying: Vec<&Node> = jobs.into_iter().filter(|job| is_deploying(job)).collect();
    if !deploying.is_empty() {
        for holder in root.iter().chain(deploying) {
            let cancel = value(holder, "concurrency").and_then(|c| value(c, "cancel-in-progress"));
            if let Some(node) = cancel.filter(|node| !is_false(node)) {
                sink.add(
                    &node.span,
                    "a newer push would stop a running deploy, perhaps in the middle of a migration",
                    "leave `cancel-in-progress` out, or set it to false: deploys then queue",
                    None,
                );
            }
        }
    }
    sink.into_warnings()
}

/// Whether a job calls our workflows or action, runs our program or pushes to Dokku itself.
fn is_deploying(job: &Node) -> bool {
    let calls = text(job, "uses").is_some_and(|uses| {
        let file = uses
            .split('@')
            .next()
            .and_then(|path| path.rsplit('/').next());
        matches!(
            file,
            Some("deploy.yml" | "preview.yml" | "rollback.yml" | "cleanup.yml" | "backup.yml")
        )
    });
    let steps = value(job, "steps").map(items).unwrap_or_default();
    calls
        || steps.iter().any(|step| {
            text(step, "run")
                .is_some_and(|run| run.contains("dokku-cli ") || run.contains("git push dokku"))
                || text(step, "uses").is_some_and(|uses| uses.contains("dokku"))
        })
}

fn is_false(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, .. } if text.eq_ignore_ascii_case("false"))
        || matches!(node.value, Value::Null)
}

fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
        _ => None,
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    match value(node, key).map(|n| &n.value) {
        Some(Value::Scalar { text, .. }) => Some(text),
        _ => None,
    }
}

fn entries(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|e| &e.value).collect(),
        _ => Vec::new(),
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let path = ".github/workflows/x.yml";
        let warnings = workflow_warnings(Source { path, text });
        warnings.iter().map(|w| w.line).collect()
    }

    const CALLER: &str = "jobs:\n  deploy:\n    uses: o/r/.github/workflows/deploy.yml@v1\n";

    #[test]
    fn a_caller_that_cancels_running_deploys_is_warned_about() {
        let cancels = format!("concurrency:\n  group: x\n  cancel-in-progress: true\n{CALLER}");
        assert_eq!(lines(&cancels), [3]);
        let warnings = workflow_warnings(Source {
            path: "x.yml",
            text: &cancels,
        });
        let shown = warnings.first().unwrap().render(false);
        assert!(
            shown.starts_with("warning: a newer push would stop"),
            "{shown}"
        );
        let perhaps = cancels.replace("true", "${{ github.ref != 'refs/heads/main' }}");
        assert_eq!(lines(&perhaps), [3]);
        let job = format!("{CALLER}    concurrency: {{ group: x, cancel-in-progress: true }}\n");
        assert_eq!(lines(&job), [4]);
        let run = "concurrency: { cancel-in-progress: true }\njobs:\n  a:\n    steps:\n      - run: |\n          dokku-cli deploy --yes\n";
        assert_eq!(lines(run), [1]);
    }

    #[test]
    fn others_may_cancel_what_they_like() {
        let queues = format!("concurrency:\n  group: x\n  cancel-in-progress: false\n{CALLER}");
        assert!(lines(&queues).is_empty());
        assert!(lines(&format!("concurrency: deploy\n{CALLER}")).is_empty());
        let tests = "concurrency: { cancel-in-progress: true }\njobs:\n  a:\n    steps:\n      - run: make test\n";
        assert!(lines(tests).is_empty());
        let apart = format!(
            "{CALLER}  test:\n    concurrency: {{ cancel-in-progress: true }}\n    steps: [{{ run: make }}]\n"
        );
        assert!(lines(&apart).is_empty());
    }

    #[test]
    fn a_workflow_that_cannot_be_read_is_told() {
        assert_eq!(lines("jobs: [\n").len(), 1);
    }
}
