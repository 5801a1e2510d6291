//! Logs, traces and metrics of a process.
//!
//! Log lines go to standard error, so that a command's own output stays clean; as JSON each carries its span with the trace id. Spans leave
//! over OTLP/gRPC where a collector is configured, in batches, and the rest is sent at shutdown. Metrics are rendered for Prometheus.

use crate::config::{LogFormat, TelemetryConfig};
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::io::IsTerminal;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Bounds of histogram buckets for times, seconds: from a stage of some microseconds to a stalled disk.
const SECONDS: [f64; 18] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1,
    0.25, 1.0, 10.0,
];
/// Bounds of histogram buckets for sizes of groups and batches.
const COUNTS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];
/// How long spans may take to leave at shutdown. Part of the 10 seconds a stop may take.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// What keeps telemetry going; shut it down last.
pub struct Telemetry {
    metrics: PrometheusHandle,
    spans: Option<SdkTracerProvider>,
}

/// Starts logs, traces and metrics of this process; once. Call inside a tokio runtime.
///
/// # Errors
/// Where they were started before or the exporter cannot be built.
pub fn start(config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let metrics = recorder()?.install_recorder().context("metrics were started before in this process")?;
    crate::http::describe();
    let spans = config.otlp_endpoint.as_deref().map(exporter).transpose()?;
    let exported =
        spans.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("fraudnet")));
    let filter = EnvFilter::try_new(&config.log_filter).context("telemetry.log_filter was checked before")?;
    tracing_subscriber::registry()
        .with(filter)
        .with(exported)
        .with(lines(config.log_format))
        .try_init()
        .context("logs were started before in this process")?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, reason = panic.payload_as_str().unwrap_or("unknown"), "panicked");
    }));
    Ok(Telemetry { metrics, spans })
}

fn recorder() -> anyhow::Result<PrometheusBuilder> {
    let buckets = |builder: PrometheusBuilder, suffix: &str, bounds: &[f64]| {
        builder
            .set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), bounds)
            .context("the bucket bounds are not empty")
    };
    let builder = buckets(PrometheusBuilder::new(), "_seconds", &SECONDS)?;
    let builder = buckets(builder, "_records", &COUNTS)?;
    buckets(builder, "_payments", &COUNTS)
}

fn exporter(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(Duration::from_secs(5))
        .build()
        .with_context(|| format!("telemetry.otlp_endpoint `{endpoint}` cannot be used"))?;
    let resource = Resource::builder().with_service_name("fraudnet").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let pretty = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    if pretty {
        return lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).boxed();
    }
    // The current span is enough: it carries the trace id, and a request has one span.
    lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
}

impl Telemetry {
    /// Handle that renders the metrics.
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }

    /// Keeps histograms small, for as long as the process runs: without it they would grow until somebody reads `/metrics`.
    pub async fn upkeep(metrics: PrometheusHandle) {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            metrics.run_upkeep();
        }
    }

    /// Sends the spans that wait.
    pub async fn shutdown(self) {
        let Some(spans) = self.spans else { return };
        // Blocks until the exporter is done, and the exporter needs this runtime's threads.
        let flushed = tokio::task::spawn_blocking(move || spans.shutdown_with_timeout(FLUSH_TIME)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "some spans did not reach the collector");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{counter, histogram, with_local_recorder};
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[test]
    fn histograms_have_buckets() {
        let recorder = recorder().unwrap().build_recorder();
        with_local_recorder(&recorder, || {
            histogram!("fraudnet_stage_seconds", "stage" => "observe").record(0.000_04);
            counter!("fraudnet_labels_total").increment(2);
        });
        let text = recorder.handle().render();
        assert!(text.contains("fraudnet_stage_seconds_bucket{stage=\"observe\",le=\"0.00005\"} 1"), "{text}");
        assert!(text.contains("fraudnet_labels_total 2"), "{text}");
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_carry_the_trace_id() {
        let written = Written::default();
        let sink = written.clone();
        let layer = fmt::layer()
            .with_writer(move || sink.clone())
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("request", trace_id = tracing::field::Empty);
            span.record("trace_id", "00ff");
            span.in_scope(|| tracing::info!(status = 200, "answered"));
        });
        let line: serde_json::Value = serde_json::from_slice(&written.0.lock().unwrap()).unwrap();
        assert_eq!(
            (&line["span"]["trace_id"], &line["status"], &line["message"]),
            (&"00ff".into(), &200.into(), &"answered".into())
        );
    }
}
