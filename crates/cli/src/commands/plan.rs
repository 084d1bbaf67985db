//! `charmer plan`: the whole graph of a compose, before anything runs.

use charmer_compose::session::preview;

use crate::arguments::PlanArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::Paint;
use crate::plan_view::Plan;

use super::run::{load, surroundings};

pub(super) fn plan(arguments: &PlanArguments, environment: &Environment) -> Result<Exit, Failure> {
    let config = load(&arguments.config, true, environment)?;
    let graph = preview(&config, &arguments.part.chosen(), &surroundings(environment))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let plan = Plan::of_graph(config.title(), &graph);
    output::print(&plan.show(arguments.format, Paint { colour: environment.colour_stdout() }))?;
    Ok(Exit::Finished)
}
