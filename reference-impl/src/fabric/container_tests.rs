//! The container against a client that speaks bytes.

use super::*;

async fn talk(container: &Container, network: &Network, sent: &[u8]) -> String {
    let mut stream = network.dial(&container.endpoint()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut got = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut got)).await.unwrap().unwrap();
    String::from_utf8(got).unwrap()
}

fn start() -> (Network, Container) {
    let network = Network::in_memory();
    let container = Container::start(&network, b"page".to_vec(), vec![("X-A".into(), "1".into())]).unwrap();
    (network, container)
}

#[tokio::test]
async fn it_records_exactly_what_was_sent() {
    let (network, container) = start();
    let head = "POST /a?b HTTP/1.1\r\nHost: x\r\nX-Odd:  \u{e9} \r\nx-odd: 2\r\ntransfer-encoding: chunked\r\n\r\n";
    let got =
        talk(&container, &network, format!("{head}2\r\nhi\r\n0\r\nt: u\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\n").as_bytes())
            .await;
    let page = "HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 4\r\n\r\n";
    assert_eq!(got, format!("{page}page{page}"));
    let received = container.drain();
    assert_eq!(received.len(), 2);
    assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("POST", "/a?b"));
    assert_eq!(received[0].head_bytes, head.as_bytes());
    assert_eq!(received[0].body, b"hi");
    assert!(received[0].complete);
    assert_eq!(received[0].header("x-odd").count(), 2);
    assert!(container.drain().is_empty());
}

#[tokio::test]
async fn it_keeps_half_a_request_and_garbage_as_evidence() {
    let (network, container) = start();
    assert_eq!(talk(&container, &network, b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf").await, "");
    assert_eq!(talk(&container, &network, b"garbage").await, "");
    let received = container.drain();
    assert_eq!(received.len(), 2);
    assert!(!received[0].complete && received[0].method == "POST" && received[0].connection == 1);
    assert_eq!((received[1].head_bytes.as_slice(), received[1].connection), (&b"garbage"[..], 2));
}

#[tokio::test]
async fn it_follows_its_script() {
    let (network, container) = start();
    let ask = b"GET / HTTP/1.1\r\n\r\n";
    container.script(Reply::Raw(b"anything".to_vec()));
    container.script(Reply::Echo);
    container.script(Reply::DieAfter { declared: 9, sent: b"four".to_vec() });
    container.script(Reply::Response {
        status: 418,
        headers: vec![("X-B".into(), vec![b'2'])],
        chunks: vec![b"a".to_vec(), b"bc".to_vec()],
        chunked: true,
        trailers: vec![("t".into(), b"u".to_vec())],
    });
    assert_eq!(talk(&container, &network, ask).await, "anything");
    assert!(talk(&container, &network, ask).await.ends_with("content-length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
    assert_eq!(talk(&container, &network, ask).await, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour");
    assert_eq!(
        talk(&container, &network, ask).await,
        "HTTP/1.1 418 I'm a teapot\r\nX-B: 2\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nt: u\r\n\r\n"
    );
    container.script(Reply::Page);
    assert_eq!(container.clear_script(), 1);
}

#[tokio::test]
async fn it_holds_a_reply_until_it_is_released() {
    let (network, container) = start();
    container.script(Reply::Hold(Box::new(Reply::Raw(b"late".to_vec()))));
    let mut stream = network.dial(&container.endpoint()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    assert!(timeout(Duration::from_millis(20), stream.read_to_end(&mut got)).await.is_err());
    assert_eq!(container.drain().len(), 1, "the request is recorded already");
    container.release();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, b"late");
}

#[tokio::test]
async fn it_answers_by_what_a_request_is() {
    let (network, container) = start();
    container.respond_with(|request| (request.body == b"b").then(|| Reply::Raw(b"for b".to_vec())));
    container.script(Reply::Raw(b"by script".to_vec()));
    let ask = |body: &str| format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    assert_eq!(talk(&container, &network, ask("a").as_bytes()).await, "by script");
    assert_eq!(talk(&container, &network, ask("b").as_bytes()).await, "for b");
    container.clear_script();
    assert!(talk(&container, &network, ask("b").as_bytes()).await.ends_with("page"));
}

#[tokio::test]
async fn what_follows_the_pieces_is_up_to_the_script() {
    let (network, container) = start();
    let pieces = || vec![b"HTTP/1.1 200 OK\r\n".to_vec(), b"content-length: 0\r\n\r\n".to_vec()];
    let ask = b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    let mut answers = BTreeMap::new();
    for (name, then) in [("keep", Then::Keep), ("close", Then::Close), ("stall", Then::Stall(Vec::new()))] {
        container.script(Reply::Pieces { pieces: pieces(), then });
        answers.insert(name, talk(&container, &network, ask).await.matches("200 OK").count());
    }
    assert_eq!(answers, BTreeMap::from([("close", 1), ("keep", 2), ("stall", 1)]));
    container.script(Reply::Pieces { pieces: pieces(), then: Then::Stall(b"beat".to_vec()) });
    let mut stream = network.dial(&container.endpoint()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    assert!(timeout(Duration::from_millis(20), stream.read_to_end(&mut got)).await.is_err(), "it stays open");
    assert_eq!(got, pieces().concat());
    container.release();
    assert!(timeout(Duration::from_millis(20), stream.read_to_end(&mut got)).await.is_err(), "it stays open");
    assert_eq!(got, [pieces().concat(), b"beat".to_vec()].concat());
}

#[tokio::test]
async fn a_release_that_nothing_waited_for_is_forgotten_with_the_script() {
    let (network, container) = start();
    container.release();
    container.clear_script();
    container.script(Reply::Hold(Box::new(Reply::Raw(b"late".to_vec()))));
    let mut stream = network.dial(&container.endpoint()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    assert!(timeout(Duration::from_millis(20), stream.read_to_end(&mut got)).await.is_err());
    container.release_all();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, b"late");
}
