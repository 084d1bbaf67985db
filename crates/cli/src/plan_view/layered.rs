//! A layered drawing of a graph, from left to right: which column a node is in, at which height, and where edges pass.
//!
//! The steps are Sugiyama's: edges that say nothing new go, nodes get layers by their longest path, edges over several layers get
//! places in between, orders within layers are chosen for few crossings, then heights for straight edges. All of it is deterministic.
//!
//! Must not know: what a node is, beyond its size.

use std::collections::{BTreeMap, BTreeSet};

const ORDER_SWEEPS: usize = 24;
const HEIGHT_SWEEPS: usize = 300;
/// Between nodes above each other.
const NODE_GAP: f64 = 20.0;
/// An edge that passes between nodes takes this much of the column.
const PASSAGE_HEIGHT: f64 = 6.0;

/// A place in the drawing: a node, or where edges pass through a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    /// None for a passage.
    pub(super) node: Option<usize>,
    pub(super) layer: usize,
    /// Of its middle.
    pub(super) y: f64,
    height: f64,
}

/// The drawing. Nodes come first in `spots`, in the order in which they were given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    pub(super) spots: Vec<Spot>,
    /// Between spots of neighbouring layers.
    pub(super) links: BTreeSet<(usize, usize)>,
    pub(super) layers: usize,
    pub(super) height: f64,
}

impl Drawing {
    /// Lays out nodes of one height. `needs[node]` are earlier nodes; edges of `kept` are drawn even if they say nothing new.
    pub(super) fn new(needs: &[Vec<usize>], kept: &BTreeSet<(usize, usize)>, node_height: f64) -> Self {
        let needs = without_shortcuts(needs, kept);
        let layer_of = layers(&needs);
        let nodes =
            layer_of.iter().enumerate().map(|(node, &layer)| Spot { node: Some(node), layer, y: 0.0, height: node_height });
        let mut drawing = Self {
            spots: nodes.collect(),
            links: BTreeSet::new(),
            layers: layer_of.iter().max().map_or(0, |last| last + 1),
            height: 0.0,
        };
        drawing.link(&needs);
        let order = drawing.ordered();
        drawing.set_heights(&order);
        drawing
    }

    /// The spots that an edge passes, from its first node to its last.
    pub(super) fn path(&self, from: usize, to: usize) -> Vec<usize> {
        let before =
            |spot: usize| self.links.iter().find(|link| link.1 == spot && self.spots[link.0].node.is_none()).map(|link| link.0);
        let mut path = vec![to];
        let mut end = to;
        while !self.links.contains(&(from, end)) {
            let Some(spot) = before(end) else { return vec![from, to] };
            path.push(spot);
            end = spot;
        }
        path.push(from);
        path.reverse();
        path
    }

    /// Adds passages: edges to one node share them, so that many edges to a far node become one bundle.
    fn link(&mut self, needs: &[Vec<usize>]) {
        for (target, sources) in needs.iter().enumerate() {
            let mut passages: BTreeMap<usize, usize> = BTreeMap::new();
            let target_layer = self.spots[target].layer;
            let first = sources.iter().map(|&source| self.spots[source].layer + 1).min().unwrap_or(target_layer);
            let mut next = target;
            for layer in (first..target_layer).rev() {
                self.spots.push(Spot { node: None, layer, y: 0.0, height: PASSAGE_HEIGHT });
                let passage = self.spots.len() - 1;
                self.links.insert((passage, next));
                passages.insert(layer, passage);
                next = passage;
            }
            for &source in sources {
                let entry = passages.get(&(self.spots[source].layer + 1)).copied().unwrap_or(target);
                self.links.insert((source, entry));
            }
        }
    }

    fn neighbours(&self) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let (mut left, mut right) = (vec![Vec::new(); self.spots.len()], vec![Vec::new(); self.spots.len()]);
        for &(from, to) in &self.links {
            right[from].push(to);
            left[to].push(from);
        }
        (left, right)
    }

    /// The spots of each layer from top to bottom, by the barycentres of their neighbours, sweeping to and fro.
    fn ordered(&self) -> Vec<Vec<usize>> {
        let (left, right) = self.neighbours();
        let mut order: Vec<Vec<usize>> = vec![Vec::new(); self.layers];
        for (spot, place) in self.spots.iter().enumerate() {
            order[place.layer].push(spot);
        }
        let mut best = (self.crossings(&order, &right), order.clone());
        for sweep in 0..ORDER_SWEEPS {
            let forward = sweep % 2 == 0;
            for step in 1..self.layers {
                let (layer, fixed, towards) =
                    if forward { (step, step - 1, &left) } else { (self.layers - 1 - step, self.layers - step, &right) };
                let position = positions(&order[fixed]);
                let own = positions(&order[layer]);
                let key = |spot: usize| {
                    let places: Vec<f64> = towards[spot].iter().map(|neighbour| position[neighbour]).collect();
                    // What is not tied to that side keeps its place.
                    if places.is_empty() { own[&spot] } else { places.iter().sum::<f64>() / places.len() as f64 }
                };
                order[layer].sort_by(|&one, &other| key(one).total_cmp(&key(other)).then(own[&one].total_cmp(&own[&other])));
            }
            let crossings = self.crossings(&order, &right);
            if crossings < best.0 {
                best = (crossings, order.clone());
            }
        }
        best.1
    }

    fn crossings(&self, order: &[Vec<usize>], right: &[Vec<usize>]) -> usize {
        let pairs = order.windows(2).map(|layers| {
            let position = positions(&layers[1]);
            let ends = layers[0].iter().map(|&spot| {
                // To cross the thin bundle of a passage disturbs less than to take apart what belongs together.
                let nodes = right[spot].iter().filter(|&&to| self.spots[to].node.is_some());
                let mut ends: Vec<f64> = nodes.map(|to| position[to]).collect();
                ends.sort_by(f64::total_cmp);
                ends
            });
            let mut seen: Vec<f64> = Vec::new();
            let mut crossings = 0;
            for ends in ends {
                // Of the edges that start higher, those that end lower cross this one. `seen` is sorted.
                crossings += ends.iter().map(|end| seen.len() - seen.partition_point(|other| other <= end)).sum::<usize>();
                seen.extend(ends);
                seen.sort_by(f64::total_cmp);
            }
            crossings
        });
        pairs.sum()
    }

    /// Heights near those of the neighbours, as far as order and distance allow.
    fn set_heights(&mut self, order: &[Vec<usize>]) {
        let (left, right) = self.neighbours();
        for layer in order {
            let wanted = vec![0.0; layer.len()];
            self.place(layer, &wanted);
        }
        for sweep in 0..HEIGHT_SWEEPS {
            for step in 0..self.layers {
                let layer = &order[if sweep % 2 == 0 { step } else { self.layers - 1 - step }];
                let wanted: Vec<f64> = layer.iter().map(|&spot| self.wanted_height(spot, &left, &right)).collect();
                self.place(layer, &wanted);
            }
        }
        let top = self.spots.iter().map(|spot| spot.y - spot.height / 2.0).fold(f64::INFINITY, f64::min);
        self.spots.iter_mut().for_each(|spot| spot.y -= top);
        self.height = self.spots.iter().map(|spot| spot.y + spot.height / 2.0).fold(0.0, f64::max);
    }

    /// The mean of the neighbours' heights. A link that is one of many at its other end weighs little, so that chains become straight
    /// and only their ends bend towards what gathers them.
    fn wanted_height(&self, spot: usize, left: &[Vec<usize>], right: &[Vec<usize>]) -> f64 {
        let before = left[spot].iter().map(|&other| (other, right[other].len()));
        let behind = right[spot].iter().map(|&other| (other, left[other].len()));
        let (mut sum, mut weights) = (0.0, 0.0);
        for (other, links) in before.chain(behind) {
            let weight = 1.0 / links as f64;
            sum += weight * self.spots[other].y;
            weights += weight;
        }
        if weights > 0.0 { sum / weights } else { self.spots[spot].y }
    }

    /// Puts a layer's spots as near to the wanted heights as their order and distances allow: spots that would come too near to each
    /// other form a block around the mean of what they want (isotonic regression by pooling).
    fn place(&mut self, layer: &[usize], wanted: &[f64]) {
        let mut offsets = Vec::with_capacity(layer.len());
        let mut offset = 0.0;
        for (index, &spot) in layer.iter().enumerate() {
            if index > 0 {
                offset += self.distance(layer[index - 1], spot);
            }
            offsets.push(offset);
        }
        // Blocks of (sum of what is wanted, number of spots).
        let mut blocks: Vec<(f64, usize)> = Vec::new();
        for (want, offset) in wanted.iter().zip(&offsets) {
            let mut block = (want - offset, 1);
            while let Some(&(sum, count)) = blocks.last() {
                if sum / count as f64 <= block.0 / block.1 as f64 {
                    break;
                }
                block = (block.0 + sum, block.1 + count);
                blocks.pop();
            }
            blocks.push(block);
        }
        let mut spots = layer.iter().zip(&offsets);
        for (sum, count) in blocks {
            for (&spot, offset) in spots.by_ref().take(count) {
                self.spots[spot].y = sum / count as f64 + offset;
            }
        }
    }

    fn distance(&self, upper: usize, lower: usize) -> f64 {
        f64::midpoint(self.spots[upper].height, self.spots[lower].height) + NODE_GAP
    }
}

fn positions(layer: &[usize]) -> BTreeMap<usize, f64> {
    layer.iter().enumerate().map(|(position, &spot)| (spot, position as f64)).collect()
}

/// Leaves out the edges that a longer way says as well: what everybody waits for anyhow.
fn without_shortcuts(needs: &[Vec<usize>], kept: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let mut ancestors: Vec<BTreeSet<usize>> = Vec::with_capacity(needs.len());
    let mut reduced = Vec::with_capacity(needs.len());
    for (node, inputs) in needs.iter().enumerate() {
        let says_new = |input: &usize| !inputs.iter().any(|other| ancestors[*other].contains(input));
        reduced.push(inputs.iter().copied().filter(|input| kept.contains(&(*input, node)) || says_new(input)).collect());
        let mut above: BTreeSet<usize> = inputs.iter().copied().collect();
        for &input in inputs {
            above.extend(&ancestors[input]);
        }
        ancestors.push(above);
    }
    reduced
}

/// Each node after all that it needs; what needs nothing, as near to its users as it can be.
fn layers(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut layers: Vec<usize> = Vec::with_capacity(needs.len());
    for inputs in needs {
        layers.push(inputs.iter().map(|&input| layers[input] + 1).max().unwrap_or(0));
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (node, inputs) in needs.iter().enumerate() {
        for &input in inputs {
            users[input].push(node);
        }
    }
    for node in (0..needs.len()).rev().filter(|&node| needs[node].is_empty()) {
        if let Some(first_user) = users[node].iter().map(|&user| layers[user]).min() {
            layers[node] = first_user - 1;
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(needs: &[Vec<usize>]) -> Drawing {
        Drawing::new(needs, &BTreeSet::new(), 40.0)
    }

    /// A pseudo-random graph that is the same in every run.
    fn big(nodes: usize) -> Vec<Vec<usize>> {
        let mut seed = 7_usize;
        let mut next = |bound: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        (0..nodes).map(|node| (0..node.min(2)).map(|_| node - 1 - next(node.min(30))).collect()).collect()
    }

    #[test]
    fn a_shortcut_is_not_drawn_unless_it_is_kept() {
        let needs = [vec![], vec![0], vec![0, 1]];
        assert_eq!(drawing(&needs).links, BTreeSet::from([(0, 1), (1, 2)]));
        let kept = Drawing::new(&needs, &BTreeSet::from([(0, 2)]), 40.0);
        assert_eq!(kept.path(0, 2), [0, 3, 2], "through a passage of the layer between");
    }

    #[test]
    fn edges_go_from_each_layer_to_the_next_and_crossings_that_need_not_be_are_not() {
        // Two chains, listed crosswise.
        let needs = [vec![], vec![], vec![1], vec![0], vec![2], vec![3]];
        let drawing = drawing(&needs);
        assert!(drawing.links.iter().all(|&(from, to)| drawing.spots[from].layer + 1 == drawing.spots[to].layer));
        let (_, right) = drawing.neighbours();
        assert_eq!(drawing.crossings(&drawing.ordered(), &right), 0);
        assert!((drawing.spots[0].y - drawing.spots[5].y).abs() < 0.01, "a chain is straight");
    }

    #[test]
    fn nothing_overlaps_in_a_big_graph_either_and_it_is_the_same_each_time() {
        let needs = big(300);
        let drawing = drawing(&needs);
        let mut columns: Vec<Vec<&Spot>> = vec![Vec::new(); drawing.layers];
        drawing.spots.iter().for_each(|spot| columns[spot.layer].push(spot));
        for column in &mut columns {
            column.sort_by(|one, other| one.y.total_cmp(&other.y));
            for pair in column.windows(2) {
                assert!(pair[0].y + pair[0].height / 2.0 <= pair[1].y - pair[1].height / 2.0, "{pair:?}");
            }
        }
        assert_eq!(drawing, self::drawing(&needs));
    }
}
