//! Aligned columns for people.

use super::human;

/// Which side a column's cells lean to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A table in the making; the whole of it is held until it is written.
#[derive(Debug)]
pub(crate) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(columns: &[(&str, Side)]) -> Table {
        let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        Table { sides: columns.iter().map(|(_, side)| *side).collect(), rows: vec![headings] }
    }

    /// Adds a row; a cell for each column. What a terminal would act on is escaped here, so that columns are as wide as they look.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(|cell| human::name(cell.as_bytes())).collect());
    }

    /// The lines, without trailing spaces.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.sides.len()).map(width).collect();
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(&self.sides).zip(widths).map(|((cell, side), width)| match side {
            Side::Left => format!("{cell:<width$}"),
            Side::Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_in_its_line() {
        let mut table = Table::new(&[("NAME", Side::Left), ("X", Side::Left)]);
        table.push(vec!["a\nb\x1b[2J".into(), "y".into()]);
        assert_eq!(table.lines(), ["NAME           X", "a\\x0ab\\x1b[2J  y"]);
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(&[("NAME", Side::Left), ("SIZE", Side::Right), ("X", Side::Left)]);
        table.push(vec!["täg".into(), "1 kB".into(), String::new()]);
        table.push(vec!["a-long-name".into(), "12.3 MB".into(), "y".into()]);
        assert_eq!(table.lines(), ["NAME            SIZE  X", "täg             1 kB", "a-long-name  12.3 MB  y"]);
    }
}
