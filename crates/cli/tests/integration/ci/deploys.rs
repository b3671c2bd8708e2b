//! `dokku-cli ci deploy`.

use github_sandbox::{Comment, Fault, Token};

use super::{commands, hub, know, output, outputs, statuses, step, summary};
use crate::{
    deploy::Shop,
    support::{TestHost, keygen},
};

const RUN: &str = "https://github.com/acme/shop/actions/runs/42";

#[test]
fn a_push_is_deployed_and_everything_at_github_says_so() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let url = output(&shop, "url");
    assert!(url.contains("shop.localhost"), "{url}");
    assert_eq!(output(&shop, "result"), "live");
    assert_eq!(output(&shop, "version"), "1");
    assert_eq!(output(&shop, "commit"), sha);
    let context = "deploy/production".to_owned();
    assert_eq!(
        statuses(&hub, &sha),
        [
            ("pending".to_owned(), context.clone(), RUN.to_owned()),
            ("success".to_owned(), context, url.clone()),
        ]
    );
    assert!(summary(&shop).starts_with("## ✅ Deployed shop (production)\n"));
    {
        let mut state = hub.state();
        let repository = state.repository("acme/shop");
        let deployment = &repository.deployments[0];
        assert_eq!(deployment.asked["environment"], "production");
        assert_eq!(deployment.statuses[0]["state"], "in_progress");
        assert_eq!(deployment.statuses[1]["state"], "success");
        assert_eq!(deployment.statuses[1]["environment_url"], *url);
        let comments = &repository.comments[&7];
        assert_eq!(comments.len(), 1);
        assert!(
            comments[0]
                .body
                .starts_with("## 🚀 Deployed to production\n")
        );
    }
    // The next deploy of the same pull request changes that comment.
    let sha = shop.release("3");
    know(&hub, &sha);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let mut state = hub.state();
    let comments: &Vec<Comment> = &state.repository("acme/shop").comments[&7];
    assert_eq!(comments.len(), 1);
    assert!(comments[0].body.contains(&sha[..7]), "{}", comments[0].body);
    let groups = commands(&ran.stderr);
    assert!(
        groups
            .iter()
            .any(|line| line.starts_with("::group::Pushing ")),
        "{groups:?}"
    );
    assert!(
        groups.iter().all(|line| !line.starts_with("::warning")),
        "{groups:?}"
    );
}

#[test]
fn a_failed_build_is_told_with_the_run_as_its_target() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("Procfile", "web: exit 1\n");
    let sha = shop.commit("broken");
    let hub = hub(&sha);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(6), "{}", ran.stderr);
    assert_eq!(
        statuses(&hub, &sha).last().unwrap(),
        &(
            "failure".to_owned(),
            "deploy/production".to_owned(),
            RUN.to_owned()
        )
    );
    let mut state = hub.state();
    let repository = state.repository("acme/shop");
    assert_eq!(repository.deployments[0].statuses[1]["state"], "failure");
    assert!(repository.comments.is_empty());
    drop(state);
    assert_eq!(output(&shop, "result"), "failed");
    assert!(summary(&shop).starts_with("## ❌ Failed shop (production)\n"));
    let errors = commands(&ran.stderr);
    assert!(
        errors
            .iter()
            .any(|line| line.starts_with("::error::Deploying ")),
        "{errors:?}"
    );
}

#[test]
fn a_lock_blocks_and_github_is_told() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    host.create_app("shop");
    host.cli(&["lock", "shop", "incident `42`"]).run();
    let hub = hub(&sha);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(4), "{}", ran.stderr);
    let states: Vec<String> = statuses(&hub, &sha).into_iter().map(|s| s.0).collect();
    assert_eq!(states, ["pending", "failure"]);
    assert!(
        summary(&shop).contains("incident `42`"),
        "{}",
        summary(&shop)
    );
    assert_eq!(output(&shop, "result"), "refused");
}

#[test]
fn github_out_of_order_never_stops_a_deploy() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    hub.state().faults.add("", 1000, Fault::HangUp);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(shop.answer().1, "2 -");
    let warnings = commands(&ran.stderr);
    let is_told = |line: &&String| {
        line.starts_with("::warning::GitHub was not told that the commit is deployed:")
            && line.contains("cannot be reached")
    };
    assert!(warnings.iter().any(|line| is_told(&line)), "{warnings:?}");
    assert_eq!(output(&shop, "result"), "live");
}

#[test]
fn an_expired_token_and_a_missing_permission_are_warnings_that_say_what_to_do() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    hub.state().tokens.clear();
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("does not accept the token (401): Bad credentials"),
        "{}",
        ran.stderr
    );
    let weak = Token::of_workflow("acme/shop", &["contents:read"]);
    hub.state().tokens.insert("ghs_test".into(), weak);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(
            "The job needs the permissions statuses, deployments and pull-requests: write"
        ),
        "{}",
        ran.stderr
    );
    let without = step(&shop, &hub, &["ci", "deploy"])
        .env("GITHUB_TOKEN", "")
        .run();
    assert_eq!(without.status, Some(0));
    assert!(
        without
            .stderr
            .contains("::warning::GITHUB_TOKEN is not set")
    );
}

#[test]
fn what_an_app_prints_is_no_command_to_the_runner() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let hostile = "echo '::set-env name=BASH_ENV::/tmp/x'; echo '##[add-path]/tmp/evil'; echo '::add-mask::o'; echo '  ::error::fake'";
    shop.tasks(&[("evil::\n##[warning]", "true")]);
    shop.tasks(&[("::error::x", hostile)]);
    let sha = shop.commit("::set-output name=result::live ##[error]no");
    let hub = hub(&sha);
    let ran = step(&shop, &hub, &["ci", "deploy"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("/tmp/evil"),
        "the task's output is shown: {}",
        ran.stderr
    );
    for command in commands(&ran.stderr) {
        let is_ours = ["::group::", "::endgroup::", "::add-mask::"]
            .iter()
            .any(|known| command.starts_with(known));
        assert!(is_ours && !command.contains("/tmp/"), "{command}");
    }
    let words = outputs(&shop);
    assert_eq!(words.iter().filter(|(name, _)| name == "result").count(), 1);
}

#[test]
fn the_inputs_of_the_workflow_win_and_the_repositorys_variables_reach_the_app() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    let variables = host.home().join("vars.json");
    std::fs::write(
        &variables,
        "{\"GREETING\": \"hi \\\"you\\\" $(id)\", \"BASE_DOMAIN\": \"x\", \"APP_SECRET\": \"hunter2hunter2\"}",
    )
    .unwrap();
    let file = variables.to_str().unwrap().to_owned();
    let words = [
        "ci",
        "deploy",
        "--memory",
        "300m",
        "--cpu",
        "",
        "--health-check-path",
        "/up",
        "--vars-file",
        &file,
    ];
    let ran = step(&shop, &hub, &words).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(shop.answer().1, "2 hi \"you\" $(id)");
    assert!(shop.variables().get("BASE_DOMAIN").is_none());
    assert!(host.ssh("resource:report shop").contains("300m"));
    assert!(commands(&ran.stderr).contains(&"::add-mask::hunter2hunter2".to_owned()));
    let ran = step(&shop, &hub, &["ci", "deploy", "--memory", "lots"]).run();
    assert_eq!(ran.status, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("--memory is \"lots\": expected"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_app_follows_from_the_repository_and_the_branch_wherever_it_is_checked_out() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    // As actions/checkout leaves a commit, in a directory of another name.
    shop.git(&["checkout", "--quiet", "--detach"]);
    let elsewhere = host.home().join("work");
    std::fs::rename(shop.top(), &elsewhere).unwrap();
    let target = step(&shop, &hub, &["ci", "target"])
        .directory(&elsewhere)
        .env("GITHUB_REF", "refs/heads/staging")
        .env("GITHUB_REF_NAME", "staging");
    let ran = target.run();
    assert_eq!(
        ran.stdout, "shop-staging staging https://shop-staging.localhost\n",
        "{ran:?}"
    );
    assert_eq!(output(&shop, "environment"), "staging");
    let ran = step(&shop, &hub, &["ci", "deploy"])
        .directory(&elsewhere)
        .env("GITHUB_REF", "refs/heads/staging")
        .env("GITHUB_REF_NAME", "staging")
        .run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(output(&shop, "app"), "shop-staging");
    assert_eq!(statuses(&hub, &sha)[1].1, "deploy/staging");
    let hostile = step(&shop, &hub, &["ci", "target"])
        .directory(&elsewhere)
        .env("GITHUB_REF", "refs/heads/x$(touch${IFS}canary)")
        .env("GITHUB_REF_NAME", "x$(touch${IFS}canary)")
        .run();
    assert_eq!(hostile.status, Some(3), "{hostile:?}");
    assert!(!elsewhere.join("canary").exists());
}

#[test]
fn a_key_in_the_environment_is_used_and_gone_afterwards() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    let temporary = host.home().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let key = std::fs::read_to_string(host.home().join("my keys/id")).unwrap();
    let pasted = key.trim_end().replace('\n', "\r\n");
    let run = |key: &str| {
        step(&shop, &hub, &["ci", "deploy"])
            .env("SSH_KEY", "")
            .env("RUNNER_TEMP", &temporary)
            .env("DOKKU_SSH_PRIVATE_KEY", key)
            .run()
    };
    let ran = run(&pasted);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    keygen(&host.home().join("other"));
    let other = std::fs::read_to_string(host.home().join("other")).unwrap();
    assert_eq!(run(&other).status, Some(5));
    let wrong = run("hunter2");
    assert_eq!(wrong.status, Some(3));
    assert!(
        wrong
            .stderr
            .contains("DOKKU_SSH_PRIVATE_KEY holds no private ssh key")
    );
    assert!(!wrong.stderr.contains("hunter2"));
}

#[test]
fn outside_of_github_it_deploys_and_says_what_is_left_out() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let ran = host.cli(&["ci", "deploy"]).directory(shop.top()).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("This is no run of GitHub Actions: no commit status, deployment, comment, summary or outputs"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("::group::"), "{}", ran.stderr);
    let half = host
        .cli(&["ci", "deploy"])
        .directory(shop.top())
        .env("GITHUB_ACTIONS", "true")
        .run();
    assert_eq!(half.status, Some(3), "{half:?}");
}
