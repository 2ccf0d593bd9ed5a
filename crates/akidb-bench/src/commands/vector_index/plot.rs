//! Curves as SVG, for eyes.

use std::{fs, ops::Range, path::Path};

use anyhow::{Context, anyhow};
use plotters::{
    coord::ranged1d::{AsRangedCoord, ValueFormatter},
    prelude::*,
};

use super::{VectorIndexReport, a_second};

const SIZE: (u32, u32) = (900, 600);

/// Below it nobody wants to be.
const RECALLS_DRAWN: Range<f64> = 0.8..1.0;

/// One line: its name and its points.
type Line = (String, Vec<(f64, f64)>);

/// A drawing before it is drawn.
struct Drawing {
    title: String,
    x: (&'static str, Range<f64>),
    y: &'static str,
    lines: Vec<Line>,
    legend: SeriesLabelPosition,
}

pub(super) fn draw(report: &VectorIndexReport, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let VectorIndexReport { vectors, dimension, source, .. } = report;
    let title = |what: &str| format!("{what}: {vectors} x {dimension}, {source}");
    if let Some(recall) = &report.recall {
        let lines = recall.engines.iter().map(|curve| {
            let points = curve.points.iter().map(|point| (point.recall, a_second(point.us)));
            (curve.name.clone(), points.collect())
        });
        let drawing = Drawing {
            title: title("recall and speed on one core"),
            x: ("recall", RECALLS_DRAWN),
            y: "searches a second",
            lines: lines.collect(),
            legend: SeriesLabelPosition::LowerLeft,
        };
        drawing.write(&directory.join("recall.svg"), false)?;
    }
    if let Some(filtered) = &report.filtered {
        let drawing = Drawing {
            title: title("searches among some vectors on one core"),
            x: ("share of the vectors that is allowed", 0.0008..0.6),
            y: "microseconds a search",
            lines: filtered.lines(),
            legend: SeriesLabelPosition::LowerRight,
        };
        drawing.write(&directory.join("filtered.svg"), true)?;
    }
    Ok(())
}

impl Drawing {
    fn write(&self, path: &Path, logarithmic: bool) -> anyhow::Result<()> {
        let drawn = if logarithmic {
            self.draw(path, self.x.1.clone().log_scale())
        } else {
            self.draw(path, self.x.1.clone())
        };
        drawn.map_err(|reason| anyhow!("cannot draw {}: {reason}", path.display()))
    }

    fn draw<X>(&self, path: &Path, x: X) -> Result<(), String>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let said = |error: DrawingAreaErrorKind<_>| error.to_string();
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(said)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(x, self.heights().log_scale())
            .map_err(said)?;
        chart
            .configure_mesh()
            .x_desc(self.x.0)
            .y_desc(self.y)
            .y_label_formatter(&|height| height.to_string())
            .draw()
            .map_err(said)?;
        for (at, (name, points)) in self.lines.iter().enumerate() {
            let color = Palette99::pick(at).to_rgba();
            let within = points.iter().filter(|(x, _)| self.x.1.contains(x)).copied();
            let within: Vec<_> = within.collect();
            chart
                .draw_series(LineSeries::new(within.clone(), color.stroke_width(2)))
                .map_err(said)?
                .label(name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2))
                });
            let dots = within.into_iter().map(|point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots).map_err(said)?;
        }
        chart
            .configure_series_labels()
            .position(self.legend.clone())
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(said)?;
        area.present().map_err(said)
    }

    /// From the lowest point that is seen to the highest, with some room.
    fn heights(&self) -> Range<f64> {
        let seen = self.lines.iter().flat_map(|(_, points)| points);
        let seen = seen.filter(|(x, _)| self.x.1.contains(x)).map(|&(_, y)| y);
        let (low, high) =
            seen.fold((f64::INFINITY, 0.0_f64), |(low, high), y| (low.min(y), high.max(y)));
        if low < high { low * 0.8..high * 1.25 } else { 1.0..10.0 }
    }
}
