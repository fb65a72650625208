"""Tests of many cases, of which a sample runs in `dev.py test` or `dev.py ci`, and the others in `dev.py long`.

Each case of these takes a tenth of a second or more, and cases beside each other are of a kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

# One case of this number runs in `dev.py test`; `dev.py ci` runs the others.
SAMPLES = {
    "tests/compiler/c_build/test_fusing.py::test_processes_that_compile": 3,
    "tests/compiler/test_ops.py::test_of_every_op": 3,
    "tests/graph/analysis/test_nan.py::test_every_elementwise_op_at_every_special_point": 4,
    "tests/graph/explanations/test_explain.py::test_gradients_are_those_of_backward_and_the_sum_of_their_uses": 4,
    "tests/graph/export/test_json.py::test_samples_come_back": 3,
    "tests/graph/export/test_onnx_gradients.py::test_gradients": 3,
    "tests/graph/export/test_onnx_ops.py::test_exported_ops": 4,
    "tests/graph/export/test_onnx_wire.py::test_arrays_of_every_dtype_layout_and_byte_order": 4,
    "tests/graph/pictures/test_fold.py::test_a_view_is_the_graph": 4,
    "tests/graph/pictures/test_mermaid.py::test_it_folds_itself_below_the_limits_and_says_so": 5,
    "tests/graph/pictures/test_text.py::test_a_part_of_a_graph_has_its_texts": 4,
    "tests/ir/test_parts.py::test_every_face_takes_a_part": 4,
    "tests/laws/test_composed.py::test_first_and_second_derivative": 2,
    "tests/laws/test_layouts.py::test_no_layout_changes_a_derivative": 2,
    "tests/nn/distributed/test_laws.py::test_ranks_train_as_one_process_does": 4,
    "tests/nn/layers/test_layer_contract.py::test_gradients_against_finite_differences": 3,
    "tests/nn/layers/test_layer_contract.py::test_its_graph_draws": 3,
    "tests/nn/layers/test_layers_saved.py::test_a_layer_in_a_functional_model_is_saved_whole": 4,
    "tests/nn/layers/test_recurrent.py::test_gradients_with_a_mask_and_states": 2,
    "tests/nn/layers/test_recurrent.py::test_second_order_through_the_one_op_with_states": 4,
    "tests/nn/metrics/test_metrics.py::test_batches_and_their_order_change_nothing": 4,
    "tests/nn/optimizers/test_optimizers.py::test_the_loss_falls_and_the_dtype_stays": 4,
    "tests/nn/test_sklearn.py::test_the_checks_of_scikit_learn": 2,
    "tests/nn/training/test_characters.py::test_both_networks_learn_more_than_pairs_of_characters_tell": 2,
    "tests/optimize/test_differentiable.py::test_higher_derivatives_and_all_transformations": 3,
    "tests/reliability/test_commands.py::test_a_few_damaged_inputs": 4,
    "tests/scipy/stats/test_contract.py::test_every_moment_is_scipys_or_has_no_formula": 4,
    "tests/solutions/test_certificates.py::test_without_a_part_of_the_estimate_gradients_are_wrong": 2,
    "tests/sparse/test_derivatives.py::test_a_jacobian_is_the_dense_one": 3,
    "tests/sparse/test_pattern_laws.py::test_patterns_hold_every_nonzero_of_the_hessian": 3,
    "tests/sparse/test_pattern_laws.py::test_patterns_hold_every_nonzero_of_the_jacobian": 3,
    "tests/test_benchmarks_solutions.py::test_no_derivative_is_silently_wrong": 3,
    "tests/testing/test_tracebacks.py::test_under_pytest_a_failure_shows_the_users_lines_and_nothing_else": 2,
}

# One case of this number runs in `dev.py ci`, of those that it runs; `dev.py long` runs the others.
SAMPLES_OF_CI = {
    "tests/compiler/test_ops.py::test_of_every_op": 2,
    "tests/graph/export/test_onnx_gradients.py::test_all_gradients": 3,
    "tests/graph/export/test_onnx_ops.py::test_exported_ops_in_the_later_opset_and_in_half_precision": 2,
    "tests/graph/pictures/browser/test_looks.py::test_hostile_names": 2,
    "tests/graph/pictures/browser/test_page.py::test_the_layout_of_samples": 4,
    "tests/graph/pictures/test_mermaid.py::test_it_folds_itself_below_the_limits_and_says_so": 2,
    "tests/nn/keras_programs/test_programs.py::test_a_program_computes_the_same": 2,
    "tests/nn/layers/test_layer_contract.py::test_gradients_against_finite_differences": 2,
    "tests/nn/optimizers/test_compiled_steps.py::test_of_every_optimizer": 2,
    "tests/nn/optimizers/test_whole_steps.py::test_a_step_is_whole_at_every_point": 2,
    "tests/nn/saving/keras/test_both_ways.py::test_training_goes_on": 2,
    "tests/nn/training/test_replays_of_layers.py::test_a_layer_is_trained_as_without_replays": 3,
    "tests/scipy/stats/test_contract.py::test_every_moment_is_scipys_or_has_no_formula": 3,
    "tests/sparse/test_pattern_laws.py::test_patterns_hold_every_nonzero_of_the_hessian": 2,
    "tests/sparse/test_pattern_laws.py::test_patterns_hold_every_nonzero_of_the_jacobian": 2,
    "tests/test_benchmarks_audit.py::test_a_finding_stands_and_our_own_gradient_is_right": 2,
}


def mark_samples(items: Iterable[pytest.Item]) -> None:
    """Mark the cases that are in no sample as ci, or as long; the first one of a test that is selected is in it."""
    seen = Counter[str]()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if test in SAMPLES:
            if seen[test] % SAMPLES[test]:
                item.add_marker(pytest.mark.ci)
            seen[test] += 1
        if test in SAMPLES_OF_CI and item.get_closest_marker("ci"):
            if seen[f"ci {test}"] % SAMPLES_OF_CI[test]:
                item.add_marker(pytest.mark.long)
            seen[f"ci {test}"] += 1
