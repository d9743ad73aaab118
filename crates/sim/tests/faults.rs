//! Each fault does what its name says.

use std::time::Duration;

use mozci_sim::{Fault, Faults, Sim, SimConfig};
use serde_json::Value;

fn only(kind: Fault) -> Option<Faults> {
    let stall = Duration::from_secs(3600);
    Some(Faults { seed: 1, rate: 1.0, kinds: vec![kind], stall, retry_after: 7 })
}

async fn ask(sim: &Sim, query: &str) -> reqwest::Result<(u16, String, Option<String>, Vec<u8>)> {
    let url = format!("{}/api/jobs/?{query}", sim.urls.treeherder);
    let client = reqwest::Client::builder().user_agent("mozci-tests").build()?;
    let answer = client.get(url).timeout(Duration::from_secs(5)).send().await?;
    let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(String::from);
    let (kind, later) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let status = answer.status().as_u16();
    Ok((status, kind, later, answer.bytes().await?.to_vec()))
}

#[tokio::test]
async fn each_fault_does_what_its_name_says() {
    let sim = Sim::start(SimConfig::default()).await.unwrap();
    let push = sim.world.truth().pushes[40].treeherder_id;
    let query = format!("push_id={push}&count=5&page=2");
    let sound = ask(&sim, &query).await.unwrap();
    let rows = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    let whole = rows(&sound.3);
    for kind in Fault::ALL {
        if kind == Fault::Stall {
            continue;
        }
        sim.set_faults(only(kind));
        let met = ask(&sim, &query).await;
        let name = kind.name();
        match kind {
            Fault::TooMany => {
                let (status, _, later, _) = met.unwrap();
                assert_eq!((status, later.as_deref()), (429, Some("7")), "{name}");
            }
            Fault::ServerError => assert_eq!(met.unwrap().0, 500, "{name}"),
            Fault::BadGateway => {
                let (status, kind, ..) = met.unwrap();
                assert_eq!((status, kind.as_str()), (502, "text/html"), "{name}");
            }
            Fault::Reset | Fault::HalfBody => assert!(met.is_err(), "{name}: {met:?}"),
            Fault::WrongType => {
                let (status, kind, _, body) = met.unwrap();
                assert!(status == 200 && kind.starts_with("text/html"), "{name}");
                assert_eq!(body, sound.3);
            }
            Fault::UnknownWord => {
                let text = String::from_utf8(met.unwrap().3).unwrap();
                assert_eq!(text.matches("evaporated").count(), 1, "{name}");
            }
            Fault::MissingField | Fault::ExtraField => {
                let body = rows(&met.unwrap().3);
                let columns = |body: &Value| body["job_property_names"].as_array().unwrap().len();
                let more = columns(&body) as i64 - columns(&whole) as i64;
                assert_eq!(more, if kind == Fault::ExtraField { 1 } else { -1 }, "{name}");
            }
            Fault::ShiftedPage => {
                let body = rows(&met.unwrap().3);
                let count = |body: &Value| body["results"].as_array().unwrap().len();
                assert_eq!(count(&body) + 1, count(&whole), "{name}");
            }
            Fault::Stall => {}
        }
    }
    assert_eq!(sim.faults_given().len(), Fault::ALL.len() - 1);
    sim.set_faults(None);
    assert_eq!(ask(&sim, &query).await.unwrap(), sound);
}

#[tokio::test]
async fn the_same_question_meets_another_fate_each_time_and_the_same_in_the_same_order() {
    let fates = async || {
        let sim = Sim::start(SimConfig::default()).await.unwrap();
        let faults = Faults { rate: 0.5, ..only(Fault::ServerError).unwrap() };
        sim.set_faults(Some(faults));
        let mut fates = Vec::new();
        for _ in 0..20 {
            fates.push(ask(&sim, "push_id__in=1").await.unwrap().0);
        }
        fates
    };
    let first = fates().await;
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
    assert_eq!(first, fates().await);
}
