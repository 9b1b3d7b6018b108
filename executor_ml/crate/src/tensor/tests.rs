//! What is refused, with the operation's name; results are held against NumPy by the executor's tests.

use super::{Checked, Evaluation, Graph, Kind, TensorError, dtype_of};
use candle_core::DType;
use std::collections::BTreeMap;

fn check(text: &str) -> Result<Checked, TensorError> {
    let inputs = BTreeMap::from([("x".to_owned(), Kind::new(DType::F32, [2, 3]))]);
    Checked::new(Graph::parse(text)?, &inputs, 1 << 20)
}

fn refused(nodes: &str) -> (String, String) {
    let text = format!(r#"{{"nodes": [{nodes}], "outputs": {{}}}}"#);
    let Err(error) = check(&text) else { panic!("{nodes} is taken") };
    (error.field(), error.to_string())
}

const X: &str = r#"{"op": "input", "name": "x"}"#;

#[test]
fn what_is_wrong_names_the_node_and_its_operation() {
    let cases = [
        (r#"{"op": "relu", "args": [1]}"#, "relu: args[0] is node 1, and not an earlier one"),
        (r#"{"op": "relu", "args": [2]}"#, "relu: args[0] is node 2"),
        (r#"{"op": "add", "args": [0]}"#, "add: 2 args, not 1"),
        (r#"{"op": "fly", "args": [0]}"#, "fly: no such operation"),
        (r#"{"op": "matmul", "args": [0, 0]}"#, "matmul: float32 [2, 3] and float32 [2, 3]"),
        (r#"{"op": "sum", "args": [0], "axes": [2]}"#, "sum: axis 2 of 2 dimensions"),
        (r#"{"op": "sum", "args": [0], "axes": [0, -2]}"#, "sum: an axis twice in [0, -2]"),
        (r#"{"op": "reshape", "args": [0], "shape": [4]}"#, "reshape: [2, 3] cannot become [4]"),
        (r#"{"op": "cast", "args": [0], "dtype": "int3"}"#, "cast: dtype \"int3\" is not known"),
        (
            r#"{"op": "slice", "args": [0], "axis": 1, "start": 2, "length": 2}"#,
            "slice: 2 elements",
        ),
        (r#"{"op": "slice", "args": [0], "axis": 0, "step": 0, "length": 2}"#, "slice: 2 elements"),
        (
            r#"{"op": "full", "value": 1, "dtype": "float64", "shape": [1000, 1000]}"#,
            "full: float64 [1000, 1000] has more than 1048576 bytes",
        ),
        (
            r#"{"op": "full", "value": 1, "dtype": "uint8", "shape": [18446744073709551615, 2]}"#,
            "full: uint8 [18446744073709551615, 2] has more than",
        ),
        (r#"{"op": "input", "name": "y"}"#, "input: there is no input \"y\""),
    ];
    for (node, message) in cases {
        let (field, told) = refused(&format!("{X}, {node}"));
        assert_eq!(field, "parameters.nodes[1]", "{node}");
        assert!(told.starts_with(message), "{told} is not {message}");
    }
}

#[test]
fn a_field_that_nobody_knows_and_an_output_of_no_node_are_refused() {
    assert!(refused(r#"{"op": "relu", "arg": [0]}"#).1.contains("unknown field `arg`"));
    let error = check(&format!(r#"{{"nodes": [{X}], "outputs": {{"y": 1}}}}"#)).err().unwrap();
    assert_eq!(error.to_string(), "output \"y\": node 1 of 1");
}

#[test]
fn what_is_not_used_any_more_is_let_go_and_does_not_count() {
    let big = r#"{"op": "full", "value": 1, "dtype": "float32", "shape": [65536]}"#;
    let chain: Vec<String> =
        (0..50).map(|n| format!(r#"{{"op": "relu", "args": [{n}]}}"#)).collect();
    let text = format!(r#"{{"nodes": [{big}, {}], "outputs": {{"y": 50}}}}"#, chain.join(", "));
    let mut evaluation = Evaluation::new(check(&text).unwrap(), &[]).unwrap();
    while evaluation.step().unwrap() {}
    let kept: Vec<String> = (0..50).map(|_| big.to_owned()).collect();
    let concat = r#"{"op": "concat", "axis": 0, "args": [0, 1, 2, 3, 4, 5, 6, 7]}"#;
    assert!(refused(&format!("{}, {concat}", kept.join(", "))).1.contains("bytes"));
}

#[test]
fn an_index_out_of_range_is_found_when_it_is_used() {
    let index = r#"{"op": "full", "value": 2, "dtype": "int64", "shape": [1]}"#;
    let take = r#"{"op": "take", "args": [0, 1], "axis": 0}"#;
    let text = format!(r#"{{"nodes": [{X}, {index}, {take}], "outputs": {{"y": 2}}}}"#);
    let kind = Kind::new(dtype_of("float32").unwrap(), [2, 3]);
    let inputs = [("x".to_owned(), kind, [0_u8; 24].as_slice())];
    let mut evaluation = Evaluation::new(check(&text).unwrap(), &inputs).unwrap();
    assert!(evaluation.step().unwrap() && evaluation.step().unwrap());
    assert_eq!(evaluation.step().err().unwrap().to_string(), "take: index 2 of 2");
}
