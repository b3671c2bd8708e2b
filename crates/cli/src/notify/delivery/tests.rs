//! Real receivers: sockets that answer, refuse, hang and hang up.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use dokku_deploy::{interrupt::Never, secret::Secret};

use super::*;

/// What a receiver was sent, whole.
type Got = Arc<Mutex<Vec<String>>>;

/// A receiver that treats each connection by the next of `acts`; its address, and what it got.
fn receiver(acts: Vec<fn(TcpStream)>) -> (String, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/hunter2", listener.local_addr().unwrap());
    let got = Got::default();
    let all = Arc::clone(&got);
    thread::spawn(move || {
        for act in acts {
            let (mut stream, _) = listener.accept().unwrap();
            all.lock().unwrap().push(request_of(&mut stream));
            act(stream);
        }
    });
    (url, got)
}

fn request_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text.into_owned();
            }
        }
        assert!(read > 0, "{text}");
    }
}

fn say(stream: &mut TcpStream, status: &str, headers: &str) {
    let answer =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
}

fn ok(mut stream: TcpStream) {
    say(&mut stream, "200 OK", "");
}

fn broken(mut stream: TcpStream) {
    say(&mut stream, "503 Service Unavailable", "");
}

fn busy(mut stream: TcpStream) {
    say(&mut stream, "429 Too Many Requests", "retry-after: 0.1\r\n");
}

fn hang(stream: TcpStream) {
    // Until the other side has had enough.
    let mut stream = stream;
    let _gone = stream.read(&mut [0; 1]);
}

fn reset(stream: TcpStream) {
    drop(stream);
}

/// An answer whose body never ends.
fn endless(mut stream: TcpStream) {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx")
        .unwrap();
    let _gone = stream.read(&mut [0; 1]);
}

fn request(url: &str) -> Request {
    Request {
        service: NotifiedService::Webhook,
        url: Secret::new(url),
        headers: vec![("x-deploy-signature", Secret::new("sha256=00"))],
        body: Secret::new("{\"ä\": 1}"),
    }
}

fn patience() -> Patience {
    Patience {
        attempt: Duration::from_secs(10),
        attempts: 3,
        pause: Duration::from_millis(5),
        longest_pause: Duration::from_secs(2),
    }
}

fn end_of(url: &str, patience: Patience) -> Result<(), Undelivered> {
    let ends = Deliveries::begin(vec![request(url)], patience).wait(&Never);
    let (_, end) = ends.into_iter().next().unwrap();
    if let Err(why) = &end {
        let told = format!("{why} {why:?}");
        assert!(
            !told.contains("hunter2") && !told.contains("/hooks"),
            "{told}"
        );
    }
    end
}

#[test]
fn the_exact_bytes_arrive() {
    let (url, got) = receiver(vec![ok]);
    assert_eq!(end_of(&url, patience()), Ok(()));
    let got = got.lock().unwrap();
    assert!(
        got[0].starts_with("POST /hooks/hunter2 HTTP/1.1\r\n"),
        "{}",
        got[0]
    );
    assert!(
        got[0].contains("x-deploy-signature: sha256=00\r\n"),
        "{}",
        got[0]
    );
    assert!(got[0].ends_with("\r\n\r\n{\"ä\": 1}"), "{}", got[0]);
}

#[test]
fn who_is_busy_is_asked_again_when_it_wants() {
    let (url, got) = receiver(vec![busy, ok]);
    let begun = Instant::now();
    assert_eq!(end_of(&url, patience()), Ok(()));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let got = got.lock().unwrap();
    assert_eq!((got.len(), &got[0]), (2, &got[1]));
}

#[test]
fn who_wants_to_be_left_alone_for_long_is() {
    fn later(mut stream: TcpStream) {
        say(
            &mut stream,
            "429 Too Many Requests",
            "retry-after: 3600\r\n",
        );
    }
    let (url, _) = receiver(vec![later]);
    assert_eq!(
        end_of(&url, patience()),
        Err(Undelivered::Later(Duration::from_hours(1)))
    );
}

#[test]
fn a_broken_service_is_tried_three_times_and_no_more() {
    let (url, got) = receiver(vec![broken, broken, broken, ok]);
    let end = end_of(&url, patience()).unwrap_err();
    assert_eq!(end.to_string(), "it answered 503 (3 attempts)");
    assert_eq!(got.lock().unwrap().len(), 3);
    let (url, got) = receiver(vec![broken, busy, ok]);
    assert_eq!(end_of(&url, patience()), Ok(()));
    assert_eq!(got.lock().unwrap().len(), 3);
}

#[test]
fn a_no_is_not_asked_again() {
    fn no(mut stream: TcpStream) {
        say(&mut stream, "404 Not Found", "");
    }
    let (url, got) = receiver(vec![no, ok]);
    let end = end_of(&url, patience()).unwrap_err();
    assert_eq!(
        end.to_string(),
        "it answered 404: there is no such address (any more)"
    );
    assert_eq!(got.lock().unwrap().len(), 1);
}

#[test]
fn a_redirect_is_not_followed_with_the_secret() {
    fn elsewhere(mut stream: TcpStream) {
        say(
            &mut stream,
            "307 Temporary Redirect",
            "location: http://127.0.0.1:9/hunter2\r\n",
        );
    }
    let (url, got) = receiver(vec![elsewhere, ok]);
    let end = end_of(&url, patience()).unwrap_err();
    assert_eq!(
        end.to_string(),
        "it answered 307, a redirect, which is not followed"
    );
    assert_eq!(got.lock().unwrap().len(), 1);
}

#[test]
fn silence_ends_and_is_not_repeated() {
    let (url, got) = receiver(vec![hang, ok]);
    let short = Patience {
        attempt: Duration::from_millis(200),
        ..patience()
    };
    assert_eq!(
        end_of(&url, short),
        Err(Undelivered::TimedOut(short.attempt))
    );
    assert_eq!(got.lock().unwrap().len(), 1);
}

#[test]
fn a_connection_that_breaks_and_none_at_all_are_told() {
    let (url, _) = receiver(vec![reset]);
    assert!(matches!(
        end_of(&url, patience()),
        Err(Undelivered::Unreachable { attempts: 1, .. })
    ));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/hunter2", listener.local_addr().unwrap());
    drop(listener);
    let end = end_of(&url, patience()).unwrap_err();
    assert!(
        end.to_string().contains("refused") && end.to_string().ends_with("(3 attempts)"),
        "{end}"
    );
}

#[test]
fn a_body_that_never_ends_is_not_waited_for() {
    let (url, _) = receiver(vec![endless]);
    let begun = Instant::now();
    assert_eq!(end_of(&url, patience()), Ok(()));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn one_that_hangs_holds_no_other_up_and_who_has_enough_may_stop() {
    struct Enough(std::sync::atomic::AtomicU32);
    impl Interrupts for Enough {
        fn requests(&self) -> (u32, Option<dokku_deploy::interrupt::Signal>) {
            let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            (u32::from(asked > 5), None)
        }
    }
    let (slow, _) = receiver(vec![hang]);
    let (quick, got) = receiver(vec![ok]);
    let sent = Deliveries::begin(vec![request(&slow), request(&quick)], patience());
    while got.lock().unwrap().is_empty() {
        thread::yield_now();
    }
    let ends = sent.wait(&Enough(0.into()));
    assert_eq!(ends[0].1, Err(Undelivered::Abandoned));
    assert_eq!(ends[1].1, Ok(()));
}
