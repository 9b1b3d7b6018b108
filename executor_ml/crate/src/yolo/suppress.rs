//! Non-maximum suppression: of boxes that overlap, the likeliest is kept.

/// The places of those that are kept, the likeliest first, at most `most`. Boxes are left, top,
/// right, bottom; of equal scores the earlier one comes first; with `classes` a box suppresses
/// those of its own class alone.
pub fn suppress(
    boxes: &[[f32; 4]],
    scores: &[f32],
    classes: Option<&[usize]>,
    iou: f32,
    most: usize,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut kept: Vec<usize> = Vec::new();
    for next in order {
        let same = |other: usize| classes.is_none_or(|all| all[other] == all[next]);
        if !kept.iter().any(|&k| same(k) && overlap(&boxes[k], &boxes[next]) > iou) {
            kept.push(next);
            if kept.len() == most {
                break;
            }
        }
    }
    kept
}

/// What two boxes share, of what they cover.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |x: &[f32; 4]| (x[2] - x[0]) * (x[3] - x[1]);
    let side = |i: usize| (a[i + 2].min(b[i + 2]) - a[i].max(b[i])).max(0.0);
    let shared = side(0) * side(1);
    shared / (area(a) + area(b) - shared)
}
