//! Drift as it is known now.

use super::App;
use super::problem::Problem;
use crate::drift::DriftReport;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Tells whether payments still look like those of the champion's first days, and what labels say of it.
#[utoipa::path(
    get, path = "/v1/drift", tag = "models", operation_id = "drift",
    responses(
        (status = 200, description = "Alarms, the furthest columns of each segment, the estimate without labels, matured outcomes", body = DriftReport),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(app: State<Arc<App>>) -> Json<DriftReport> {
    Json(app.service.drift().report().as_ref().clone())
}
