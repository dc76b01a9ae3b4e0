//! What Prometheus is told: figures of a study or of a worker, as text over HTTP.

mod endpoint;
mod figures;
mod page;

pub use endpoint::{Address, Endpoint};
pub use figures::{of_process, of_studies, of_study, of_threads, of_traffic};
pub use page::text;
