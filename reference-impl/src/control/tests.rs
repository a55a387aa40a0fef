//! What the authority and the namespace say after each operation.

use super::*;
use crate::identity::CookieKey;
use crate::store::rates::Rates;
use crate::store::vault::MasterKey;

pub(super) fn control(staleness: Duration, clock: &Clock) -> ControlPlane {
    ControlPlane::new(Parts {
        kv: ControlKv::new(clock.clone(), staleness, None),
        clock: clock.clone(),
        staleness,
        keys: CookieKeys::new(&[CookieKey { kid: "k".into(), secret: vec![1; 32] }]).unwrap(),
        sign_in: SignIn::new(Entropy::seeded(1), FaultSet::none()),
        database: MemoryDatabase::new(Rates::new(&[], &[]).unwrap(), Entropy::seeded(2), FaultSet::none()),
        vault: Some(Vault::new(MasterKey::new([3; 32]), Entropy::seeded(3))),
        entropy: Entropy::seeded(4),
        observer: None,
        faults: FaultSet::none(),
        #[cfg(feature = "faults")]
        secrets: crate::edge::hooks::planted::Secrets::default(),
    })
}

fn id(text: &str) -> DeploymentId {
    DeploymentId::parse(text).unwrap()
}

fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

fn new(name: &str, owner: &str, slug: &str, legacy: bool) -> NewDeployment {
    NewDeployment {
        id: id(name),
        tenant: tenant(owner),
        slug: DeploySlug::parse(slug).unwrap(),
        vendo_auth: true,
        legacy,
        target: "mem-1".parse().unwrap(),
    }
}

fn with_tenants() -> ControlPlane {
    let control = control(Duration::ZERO, &Clock::manual(0));
    for (owner, slug) in [("A", "acme"), ("B", "globex"), ("C", "openai")] {
        control.create_tenant(tenant(owner), TenantSlug::parse(slug).unwrap()).unwrap();
    }
    control
}

#[test]
fn tenants_are_unique_by_id_and_by_slug() {
    let control = with_tenants();
    let slug = |text| TenantSlug::parse(text).unwrap();
    assert!(matches!(control.create_tenant(tenant("A"), slug("other")), Err(ControlError::TenantExists(_))));
    assert!(matches!(control.create_tenant(tenant("D"), slug("acme")), Err(ControlError::SlugTaken(_))));
    assert!(control.create_tenant(tenant("a"), slug("lower")).is_ok(), "ids differ by case");
}

#[test]
fn what_is_reserved_is_checked_on_the_rendered_label() {
    let control = with_tenants();
    assert!(matches!(control.deploy(new("d", "C", "proxy", false)), Err(ControlError::ReservedLabel(_))));
    let long = "x".repeat(60);
    assert!(matches!(control.deploy(new("d", "C", &long, false)), Err(ControlError::ReservedLabel(_))));
    assert!(control.kv_snapshot().is_empty(), "a refused deployment leaves nothing");
    assert!(control.deploy(new("d", "C", "api", false)).is_ok());
}

#[test]
fn entries_follow_every_name_of_a_deployment() {
    let control = with_tenants();
    let hosts = control.deploy(new("d", "A", "app", true)).unwrap();
    assert_eq!(
        (hosts.single_level.as_str(), hosts.legacy.as_deref()),
        ("acme-app.vendo.run", Some("app.acme.vendo.run"))
    );
    control.claim_domain(&id("d"), "Crm.Example.").unwrap();
    control.set_status(&id("d"), Status::SuspendFailed).unwrap();
    let snapshot = control.kv_snapshot();
    assert_eq!(
        snapshot.keys().collect::<Vec<_>>(),
        ["deploy:acme-app", "deploy:app.acme.vendo.run", "deploy:crm.example"]
    );
    assert!(snapshot.values().all(|value| value.ends_with(r#""status":"suspend_failed"}"#)), "{snapshot:?}");

    control.set_status(&id("d"), Status::Destroyed).unwrap();
    assert_eq!(control.kv_snapshot().len(), 3, "a destroyed deployment keeps its entries until it is torn down");
    assert!(matches!(control.deploy(new("e", "A", "app", false)), Err(ControlError::NameTaken(_))));
    control.teardown(&id("d")).unwrap();
    assert!(control.kv_snapshot().is_empty());
    control.deploy(new("e", "A", "app", false)).unwrap();
    assert!(matches!(control.teardown(&id("d")), Err(ControlError::UnknownDeployment(_))));
}

#[test]
fn a_rename_moves_the_rendered_names_and_leaves_the_domains() {
    let control = with_tenants();
    control.deploy(new("d", "A", "app", true)).unwrap();
    control.deploy(new("e", "A", "shop", false)).unwrap();
    control.claim_domain(&id("d"), "crm.example").unwrap();
    let shop = DeploySlug::parse("shop").unwrap();
    assert!(matches!(control.rename(&id("d"), shop), Err(ControlError::NameTaken(_))));
    control.rename(&id("d"), DeploySlug::parse("crm").unwrap()).unwrap();
    control.rename(&id("d"), DeploySlug::parse("crm").unwrap()).unwrap();
    let keys: Vec<_> = control.kv_snapshot().into_keys().collect();
    assert_eq!(keys, ["deploy:acme-crm", "deploy:acme-shop", "deploy:crm.acme.vendo.run", "deploy:crm.example"]);
    control.rename(&id("e"), DeploySlug::parse("app").unwrap()).unwrap();
}

#[test]
fn a_domain_can_only_be_released_by_its_holder() {
    let control = with_tenants();
    control.deploy(new("d", "A", "app", false)).unwrap();
    control.deploy(new("e", "B", "app", false)).unwrap();
    control.claim_domain(&id("d"), "crm.example").unwrap();
    assert!(matches!(control.release_domain(&id("e"), "crm.example"), Err(ControlError::DomainNotHeld { .. })));
    assert!(matches!(control.claim_domain(&id("e"), "crm.example"), Err(ControlError::NameTaken(_))));
    control.release_domain(&id("d"), "crm.example").unwrap();
    control.claim_domain(&id("e"), "crm.example").unwrap();
}

#[test]
fn codes_are_given_for_live_hosts_of_the_members_tenant_alone() {
    let control = with_tenants();
    control.deploy(new("d", "A", "app", true)).unwrap();
    let member = |owner: &str| Member {
        user_id: "u".into(),
        email: "e".into(),
        name: "n".into(),
        tenant: tenant(owner),
        role: Role::Owner,
    };
    for host in ["acme-app.vendo.run", "ACME-app.vendo.run.:443", "app.acme.vendo.run"] {
        assert!(control.sign_in_code(&member("A"), host).is_ok(), "{host}");
        assert!(matches!(control.sign_in_code(&member("B"), host), Err(ControlError::NotAHostOfTenant(_))), "{host}");
    }
    control.set_status(&id("d"), Status::Destroyed).unwrap();
    assert!(control.sign_in_code(&member("A"), "acme-app.vendo.run").is_err());
    control.teardown(&id("d")).unwrap();
    assert!(control.sign_in_code(&member("A"), "acme-app.vendo.run").is_err());
}
