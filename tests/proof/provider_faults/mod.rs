//! Injects each fault that a provider can cause during a refresh, and checks the login's state during and after it.
//!
//! `table.rs` has one row per fault. Each row runs with its own gateway and provider. Unless a row configures a grace
//! window, the provider revokes a login on reuse, so a login that survives was never at risk. At the end, the owner's
//! action in the row must work.

mod case;
mod table;

use libtest_mimic::Failed;

use crate::{
    options::Options,
    races_and_faults::{on_runtime, print_table, run_in_parallel, verdict},
};

use case::CaseResult;
use table::Case;

/// The number of parallel cases. They mostly wait for the last minutes of an access token.
const AT_A_TIME: usize = 16;

pub(crate) fn run(options: Options) -> Result<(), Failed> {
    on_runtime(async move {
        let runs = options.runs.unwrap_or(options.short_or_long(1, 10));
        let mut problems = Vec::new();
        for run in 1..=runs {
            let measured =
                run_in_parallel(AT_A_TIME, table::cases().into_iter().map(|case| case::run(case, options))).await;
            let (mut rows, cases) = (Vec::new(), table::cases());
            for (case, measured) in cases.iter().zip(measured) {
                match measured {
                    Ok(measured) => {
                        problems.extend(differences(case, &measured).map(|what| format!("run {run}: {what}")));
                        rows.push(row(case, &measured));
                    }
                    Err(why) => problems.push(format!("run {run}: {}: {why}", case.fault)),
                }
            }
            if run == runs {
                let headings =
                    ["fault", "after it", "presentations", "reuse", "in the end", "presentations", "reuse", "owner"];
                print_table(&format!("Provider faults, {runs} run(s) of each"), &headings, &rows);
            }
        }
        verdict(&problems)
    })
}

/// Returns both rows if they differ, and all other deviations.
fn differences(case: &Case, measured: &CaseResult) -> impl Iterator<Item = String> {
    let is_expected = case.after.allows(&measured.after) && case.end.allows(&measured.end);
    let rows = (!is_expected).then(|| {
        format!(
            "{}:\n  expected {:?}\n      then {:?}\n  measured {:?}\n      then {:?}",
            case.fault, case.after, case.end, measured.after, measured.end
        )
    });
    let problems = measured.problems.iter().map(|what| format!("{}: {what}", case.fault)).collect::<Vec<_>>();
    rows.into_iter().chain(problems)
}

fn row(case: &Case, measured: &CaseResult) -> Vec<String> {
    let cells = [measured.after.cells(), measured.end.cells()].concat();
    [vec![case.fault.to_owned()], cells, vec![case.owner.in_words().to_owned()]].concat()
}
