//! Steps whose statements no gateway will see, as far as that is known before anything runs (S26): no point inside
//! them is tried.

use super::model::{Action, Plan, Step};

/// Such steps, each in one line that ends in what would let it be seen.
pub fn unseen(plan: &Plan) -> Vec<String> {
    let operations = [("change", &plan.change), (plan.way_back(), &plan.rollback.steps)];
    let steps = operations.into_iter().flat_map(|(name, steps)| steps.iter().map(move |step| (name, step)));
    let all = plan.databases.keys().flat_map(|store| {
        steps.clone().filter_map(move |(name, step)| {
            let why = why(plan, store, step)?;
            Some(format!(
                "{name} step {} ({}): {why}; no point inside it is tried, and the level is 2 at most if it changes {store}",
                step.number, step.title
            ))
        })
    });
    all.collect()
}

fn why(plan: &Plan, store: &str, step: &Step) -> Option<String> {
    let named = plan.gateways.get(store);
    if named.is_some_and(|gateway| gateway.leads(step)) {
        return None;
    }
    match &step.action {
        Action::Exec { service, .. } if service == store => Some(format!(
            "what it says to {store} inside its own container passes no gateway: run the client in a service of its own"
        )),
        Action::Host { .. } => Some(format!("what it says to {store} from this machine passes no gateway")),
        Action::Run { service, .. } | Action::Exec { service, .. }
            if named.is_some() && meet(plan, service, store) =>
        {
            Some(format!("`gateways:` names other clients of {store}: add {service}"))
        }
        Action::Deploy(deploy) if !plan.traffic.is_empty() && meet(plan, &deploy.service, store) => {
            Some(format!(
                "what {0} says to {store} when it starts is not told from what clients ask of it: `gateways: [{{ service: \
             {store}, clients: [{0}] }}]` counts all of it as the change's",
                deploy.service
            ))
        }
        _ => None,
    }
}

/// Whether two services share a network.
fn meet(plan: &Plan, one: &str, other: &str) -> bool {
    let networks = |name: &str| plan.project.services.get(name).map(|service| &service.networks);
    let (Some(one), Some(other)) = (networks(one), networks(other)) else { return false };
    one.keys().any(|network| other.contains_key(network))
}
