//! One wallet, step by step: amounts, caps and their order, and what a ledger says.

use super::*;

/// 2023-11-14 22:13:20 UTC.
const NOW: i64 = 1_700_000_000;
/// Until the end of that day, and of that month.
const TO_MIDNIGHT: u64 = 6_400;
const TO_DECEMBER: u64 = TO_MIDNIGHT + 16 * 86_400;

fn key() -> KeyId {
    KeyId::parse("k").unwrap()
}

fn new(amount: u64, app: bool, at_s: i64) -> NewHold {
    NewHold {
        amount,
        key: key(),
        app: app.then(|| AppId::parse("a").unwrap()),
        connection: ConnectionId::parse("c").unwrap(),
        provider: "openai",
        model: Some("m".to_owned()),
        at_s,
    }
}

fn id(number: u32) -> HoldId {
    HoldId::parse(&format!("h{number}")).unwrap()
}

fn cost(micros: u64) -> Settlement {
    Settlement { cost: Micros::new(micros).unwrap(), once_for: None, at_s: NOW }
}

fn caps(daily: Option<u64>, monthly: Option<u64>) -> Caps {
    Caps { daily, monthly }
}

const FREE: Caps = Caps { daily: None, monthly: None };

fn funded(micros: u64) -> Wallet {
    let mut wallet = Wallet::default();
    wallet.top_up(Micros::new(micros).unwrap(), "first", NOW).unwrap();
    wallet
}

#[test]
fn a_hold_and_its_settlement_are_two_lines() {
    let mut wallet = funded(100);
    let held = wallet.hold(id(1), new(60, true, NOW), FREE, FREE).unwrap();
    assert_eq!((held.amount, held.balance_after), (60, 40));
    let settled = wallet.settle(&id(1), cost(25)).unwrap();
    assert_eq!(settled, Settled { charged: 25, unpaid: 0, balance_after: 75, repeated: false });
    let lines = wallet.ledger();
    let short: Vec<_> = lines.iter().map(|line| (line.seq, line.kind, line.micros, line.balance_after)).collect();
    assert_eq!(
        short,
        [(1, LedgerKind::Credit, 100, 100), (2, LedgerKind::Hold, -60, 40), (3, LedgerKind::Settle, 35, 75)]
    );
    for line in &lines[1..] {
        assert_eq!((line.hold.as_ref(), line.key.as_ref()), (Some(&id(1)), Some(&key())));
        assert_eq!((line.provider.as_deref(), line.model.as_deref(), line.at_s), (Some("openai"), Some("m"), NOW));
        assert!(line.app.is_some() && line.connection.is_some());
    }
    assert!(lines[0].hold.is_none() && lines[0].key.is_none());
}

#[test]
fn a_settlement_takes_what_there_is_and_notes_the_rest() {
    for (balance, hold, used, charged, unpaid, left) in [
        (100, 60, 0, 0, 0, 100),
        (100, 60, 60, 60, 0, 40),
        (100, 60, 61, 61, 0, 39),
        (100, 60, 100, 100, 0, 0),
        (100, 60, 101, 100, 1, 0),
        (60, 60, 61, 60, 1, 0),
        (60, 60, u64::try_from(i64::MAX).unwrap(), 60, u64::try_from(i64::MAX - 60).unwrap(), 0),
    ] {
        let mut wallet = funded(balance);
        wallet.hold(id(1), new(hold, false, NOW), FREE, FREE).unwrap();
        let settled = wallet.settle(&id(1), cost(used)).unwrap();
        assert_eq!(
            settled,
            Settled { charged, unpaid, balance_after: left, repeated: false },
            "{balance} {hold} {used}"
        );
        assert_eq!(wallet.ledger().last().unwrap().unpaid_micros, unpaid);
    }
}

#[test]
fn a_hold_is_settled_once_whatever_is_said_later() {
    let mut wallet = funded(100);
    wallet.hold(id(1), new(60, true, NOW), FREE, FREE).unwrap();
    let first = wallet.settle(&id(1), cost(25)).unwrap();
    for again in [0, 25, 99] {
        assert_eq!(wallet.settle(&id(1), cost(again)), Ok(Settled { repeated: true, ..first }));
    }
    assert_eq!((wallet.balance(), wallet.ledger().len()), (75, 3));
    assert_eq!(wallet.settle(&id(2), cost(1)), Err(WalletError::NoHold));
    // What was spent counts once, too.
    let cap = caps(Some(26), None);
    assert!(wallet.hold(id(3), new(1, true, NOW), cap, cap).is_ok());
}

#[test]
fn a_job_is_charged_once() {
    let mut wallet = funded(100);
    let job = |id: &str| JobRef { provider: "assemblyai", id: id.to_owned() };
    let settlement = |name: &str, micros: u64| Settlement { once_for: Some(job(name)), ..cost(micros) };
    for (number, name, micros, charged) in
        [(1, "t1", 0, 0), (2, "t1", 7, 7), (3, "t1", 7, 0), (4, "t2", 7, 7), (5, "t1", 9, 0)]
    {
        wallet.hold(id(number), new(20, false, NOW), FREE, FREE).unwrap();
        assert_eq!(wallet.settle(&id(number), settlement(name, micros)).unwrap().charged, charged, "{number}");
    }
    assert_eq!(wallet.balance(), 86);
}

#[test]
fn a_refusal_leaves_nothing() {
    let mut wallet = funded(59);
    let cap = caps(Some(0), Some(0));
    let before = wallet.ledger();
    assert_eq!(
        wallet.hold(id(1), new(60, true, NOW), cap, cap),
        Err(HoldRefusal::BalanceExhausted),
        "the balance first"
    );
    let most = new(u64::MAX, true, NOW);
    assert_eq!(wallet.hold(id(1), most, FREE, FREE), Err(HoldRefusal::BalanceExhausted));
    assert!(matches!(wallet.hold(id(1), new(59, true, NOW), FREE, cap), Err(HoldRefusal::SpendCapDaily { .. })));
    assert_eq!((wallet.ledger(), wallet.balance()), (before, 59));
    assert_eq!(wallet.settle(&id(1), cost(1)), Err(WalletError::NoHold));
    let whole = wallet.hold(id(1), new(59, true, NOW), caps(Some(1), Some(1)), caps(Some(1), Some(1)));
    assert_eq!(whole.unwrap().balance_after, 0, "what was refused counts toward no cap");
}

#[test]
fn caps_are_compared_in_order_with_what_is_spent_and_held() {
    let daily = |retry_after_s| Err(HoldRefusal::SpendCapDaily { retry_after_s });
    let monthly = |retry_after_s| Err(HoldRefusal::SpendCapMonthly { retry_after_s });
    // 30 are spent and 20 on hold.
    for (of_key, of_app, refusal) in [
        (caps(Some(51), Some(51)), caps(Some(51), Some(51)), Ok(())),
        (caps(Some(50), None), FREE, daily(TO_MIDNIGHT)),
        (caps(Some(49), None), FREE, daily(TO_MIDNIGHT)),
        (caps(None, Some(50)), FREE, monthly(TO_DECEMBER)),
        (FREE, caps(Some(50), None), daily(TO_MIDNIGHT)),
        (FREE, caps(None, Some(50)), monthly(TO_DECEMBER)),
        (caps(Some(50), Some(50)), caps(Some(50), Some(50)), daily(TO_MIDNIGHT)),
        (caps(None, Some(50)), caps(Some(50), None), monthly(TO_DECEMBER)),
        (caps(Some(0), None), FREE, daily(TO_MIDNIGHT)),
    ] {
        let mut wallet = funded(1000);
        wallet.hold(id(1), new(40, true, NOW), FREE, FREE).unwrap();
        wallet.settle(&id(1), cost(30)).unwrap();
        wallet.hold(id(2), new(20, true, NOW), FREE, FREE).unwrap();
        let found = wallet.hold(id(3), new(1, true, NOW), of_key, of_app).map(|_| ());
        assert_eq!(found, refusal, "{of_key:?} {of_app:?}");
    }
}

#[test]
fn spending_ends_with_its_day_and_its_month_and_holds_stay() {
    let (midnight, december) = (NOW + i64::try_from(TO_MIDNIGHT).unwrap(), NOW + i64::try_from(TO_DECEMBER).unwrap());
    let mut wallet = funded(1000);
    wallet.hold(id(1), new(40, false, NOW), FREE, FREE).unwrap();
    wallet.settle(&id(1), cost(30)).unwrap();
    let (day, month) = (caps(Some(30), None), caps(None, Some(30)));
    let mut number = 1;
    let mut holds = |wallet: &mut Wallet, caps: Caps, at_s: i64| {
        number += 1;
        let held = wallet.hold(id(number), new(1, false, at_s), caps, FREE);
        if held.is_ok() {
            wallet.settle(&id(number), Settlement::release(at_s)).unwrap();
        }
        held.map(|_| ())
    };
    assert_eq!(holds(&mut wallet, day, midnight - 1), Err(HoldRefusal::SpendCapDaily { retry_after_s: 1 }));
    assert!(holds(&mut wallet, day, midnight).is_ok());
    assert!(holds(&mut wallet, month, midnight).is_err());
    assert_eq!(holds(&mut wallet, month, december - 1), Err(HoldRefusal::SpendCapMonthly { retry_after_s: 1 }));
    assert!(holds(&mut wallet, month, december).is_ok());
    // A hold that is still open counts in every month; it is spent in the one in which it is settled.
    wallet.hold(id(100), new(30, false, NOW), FREE, FREE).unwrap();
    assert!(holds(&mut wallet, month, december).is_err());
    wallet.settle(&id(100), Settlement { at_s: december, ..cost(29) }).unwrap();
    assert!(holds(&mut wallet, month, december).is_ok());
    assert!(holds(&mut wallet, caps(None, Some(29)), december).is_err());
}

#[test]
fn a_key_of_a_connection_has_no_app_to_cap_it() {
    let mut wallet = funded(1000);
    let cap = caps(Some(0), Some(0));
    assert!(wallet.hold(id(1), new(10, false, NOW), FREE, cap).is_ok());
    assert!(wallet.hold(id(2), new(10, true, NOW), FREE, cap).is_err());
}

#[test]
fn a_payment_counts_once_and_stays_in_range() {
    let mut wallet = funded(100);
    let amount = |micros: u64| Micros::new(micros).unwrap();
    assert_eq!(wallet.top_up(amount(100), "first", NOW), Ok(100));
    assert_eq!(wallet.top_up(amount(99), "first", NOW), Err(WalletError::Conflict));
    assert_eq!(wallet.top_up(amount(5), "second", NOW), Ok(105));
    wallet.hold(id(1), new(60, false, NOW), FREE, FREE).unwrap();
    let most = u64::try_from(i64::MAX).unwrap();
    assert_eq!(wallet.top_up(amount(most - 104), "third", NOW), Err(WalletError::Range), "what is held comes back");
    assert_eq!(wallet.top_up(amount(most - 105), "third", NOW), Ok(most - 60));
    assert_eq!(wallet.settle(&id(1), Settlement::release(NOW)).unwrap().balance_after, most);
    assert_eq!(wallet.ledger().len(), 5);
}

#[test]
fn a_settlement_is_remembered_for_an_hour_and_never_written_twice() {
    let mut wallet = funded(1_000_000);
    let settle = |wallet: &mut Wallet, number: u32, at_s: i64| {
        wallet.settle(&id(number), Settlement { cost: Micros::new(1).unwrap(), once_for: None, at_s })
    };
    for number in 0..1000 {
        let at_s = NOW + i64::from(number) * 60;
        wallet.hold(id(number), new(10, false, at_s), FREE, FREE).unwrap();
        settle(&mut wallet, number, at_s).unwrap();
        assert!(wallet.holds.len() <= 61, "{}", wallet.holds.len());
    }
    let (lines, now) = (wallet.lines.len(), NOW + 999 * 60);
    assert!(settle(&mut wallet, 999, now).unwrap().repeated);
    assert!(settle(&mut wallet, 950, now).unwrap().repeated);
    assert_eq!(settle(&mut wallet, 5, now), Err(WalletError::NoHold));
    // One that is open is never forgotten.
    wallet.hold(id(2000), new(10, false, NOW), FREE, FREE).unwrap();
    wallet.hold(id(2001), new(10, false, now + 90_000), FREE, FREE).unwrap();
    settle(&mut wallet, 2001, now + 90_000).unwrap();
    assert_eq!(wallet.lines.len(), lines + 3);
    assert!(!settle(&mut wallet, 2000, now + 90_000).unwrap().repeated);
}
