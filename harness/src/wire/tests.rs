
#[tokio::test]
async fn a_part_of_an_answer_is_cut_off_there_and_a_whole_one_is_whole() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n";
    let part = |events: Vec<Event>, enough: usize| async move {
        let mut h1 = H1::new(Script::new(events));
        h1.exchange_part(b"", "GET", enough, PATIENCE).await.map(|message| (message.body, message.end))
    };
    let stalled = || vec![data(answer), Event::Stall];
    assert_eq!(part(stalled(), 0).await, Ok((b"onetwo".to_vec(), End::Truncated)));
    assert_eq!(part(stalled(), 6).await, Ok((b"onetwo".to_vec(), End::Truncated)));
    let whole = || vec![data(answer), data(b"0\r\n\r\n")];
    assert_eq!(part(whole(), 7).await, Ok((b"onetwo".to_vec(), End::Complete)));
}
