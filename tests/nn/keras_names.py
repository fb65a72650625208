"""What Keras 3 documents, in sections, and what becomes of it here; docs/reference/keras_coverage.md is made of this.

A section has the names of one module of Keras 3.15 as its documentation lists them, our module, and the reasons for
what is left out. A name without a reason must be in our module.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["HEADER", "LAYER_ARGUMENTS", "PAGE", "SECTIONS", "Section", "page", "row"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/reference/keras_coverage.md"
HEADER = """# What of Keras 3 is here

Each name that Keras 3 documents, and where it is here or why it is not. A test makes this page, and fails where it
does not hold. Losses, metrics and the rest have Keras's arguments and defaults but for `dtype`: they work in the dtype
of the arrays that they are given.
"""


class Section(NamedTuple):
    """A module of Keras, our module, the documented names, and the reasons for those that are left out."""

    keras: str
    ours: str
    names: tuple[str, ...]
    left_out: MappingProxyType[str, str] = MappingProxyType({})


def split(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split()))


_ELSEWHERE = "a layer of another framework, whose operations are not recorded here"
_PROGRESS = "the argument verbose of fit says what is shown"

# Reasons, by section; every other name is here.
_LEFT_OUT_LAYERS = {
    "FlaxLayer": _ELSEWHERE,
    "JaxLayer": _ELSEWHERE,
    "MaxNumBoundingBoxes": "pads lists of bounding boxes, which no layer here takes",
    "TFSMLayer": _ELSEWHERE,
    "TorchModuleWrapper": _ELSEWHERE,
}
_LEFT_OUT_CALLBACKS = {
    "OrbaxCheckpoint": "writes a format of JAX's; ModelCheckpoint and BackupAndRestore write safetensors",
    "ProgbarLogger": _PROGRESS,
    "RemoteMonitor": "sends to a web server: a LambdaCallback with a client of your own does",
}
_BOXES = "no layer or loss here takes bounding boxes"
_LEFT_OUT_BOXES = dict.fromkeys(
    (
        "affine_transform",
        "clip_to_image_size",
        "compute_ciou",
        "compute_iou",
        "convert_format",
        "crop",
        "decode_deltas_to_boxes",
        "encode_box_to_deltas",
        "pad",
    ),
    _BOXES,
)
_LEFT_OUT_UTILS = {
    "Config": "a dict does",
    "model_to_dot": "plot_model(model, to_file='model.dot') writes it",
}
_LEFT_OUT_SAVING = {
    "KerasFileEditor": "files are safetensors, which the library of that name edits",
}
_LEFT_OUT_CONFIG = {
    "enable_unsafe_deserialization": "nothing unsafe is ever loaded: files hold no code",
}

_LEFT_OUT_OPS = {
    "ctc_decode": "nn.losses.ctc has the loss; decoding is not here",
    "ctc_loss": "nn.losses.ctc",
    "erfinv": "the inverse of erf is not here",
    "istft": "nn.ops.irfft of frames, windowed and added",
    "lu_factor": "nn.ops.solve, nn.ops.inv and nn.ops.det do what it is for",
    "vectorize": "np.vectorize for arrays, autograd_lite.vmap for Tensors",
}

_BIG_MODELS = "quantization, and training of a few directions of large kernels, are not here"
_FASTER = "chooses between implementations; here there is one"
_TAKEN = "taken, and changes nothing: there is one implementation"
_INPUTS = "inputs are dense arrays, of batches of any size"
# Arguments of Keras's layers that ours lack, with the reasons.
LAYER_ARGUMENTS = {
    "autocast": "inputs are always cast to the layer's dtype",
    "flash_attention": _FASTER,
    "gptq_unpacked_column_size": _BIG_MODELS,
    "input_tensor": _INPUTS,
    "lora_alpha": _BIG_MODELS,
    "lora_rank": _BIG_MODELS,
    "optional": _INPUTS,
    "quantization_config": _BIG_MODELS,
    "ragged": _INPUTS,
    "sparse": _INPUTS,
    "unroll": _TAKEN,
    "use_cudnn": _TAKEN,
    "weights": "layer.set_weights(weights)",
}

_ONE_DTYPE = "a layer computes in the dtype of its weights: DTypePolicy"
_LEFT_OUT_TOP = {
    "FloatDTypePolicy": _ONE_DTYPE,
    "Function": "Model, of symbols for inputs and outputs",
    "Operation": "Layer, or a function: functions of tensors take symbols too",
    "Quantizer": "quantization is not here",
    "RematScope": "autograd_lite.checkpoint(f) computes the values inside of f again in the backward pass",
    "StatelessScope": "weights and metrics are changed in place",
    "SymbolicScope": "functions of tensors take symbols everywhere",
    "device": "model.to(cupy) moves a model",
    "name_scope": "the paths of weights are those of attributes",
    "remat": "autograd_lite.checkpoint(f)",
}

SECTIONS: tuple[Section, ...] = (
    Section(
        "keras",
        "nn",
        split("""
            DTypePolicy FloatDTypePolicy Function Initializer Input InputSpec KerasTensor Layer Loss Metric Model
            Operation Optimizer Quantizer Regularizer RematScope Sequential StatelessScope SymbolicScope Variable device
            name_scope remat version
        """),
        MappingProxyType(_LEFT_OUT_TOP),
    ),
    Section(
        "keras.losses",
        "nn.losses",
        split("""
            BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
            CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence
            LogCosh Loss MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError
            Poisson SparseCategoricalCrossentropy SquaredHinge Tversky binary_crossentropy binary_focal_crossentropy
            categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy
            categorical_hinge circle cosine_similarity ctc deserialize dice get hinge huber kl_divergence log_cosh
            mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
            poisson serialize sparse_categorical_crossentropy squared_hinge tversky
        """),
    ),
    Section(
        "keras.metrics",
        "nn.metrics",
        split("""
            AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
            CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives
            Hinge IoU KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU
            MeanMetricWrapper MeanSquaredError MeanSquaredLogarithmicError Metric OneHotIoU OneHotMeanIoU
            PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision
            RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy
            SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum TopKCategoricalAccuracy
            TrueNegatives TruePositives binary_accuracy binary_crossentropy binary_focal_crossentropy
            categorical_accuracy categorical_crossentropy categorical_focal_crossentropy categorical_hinge
            concordance_correlation deserialize get hinge huber kl_divergence log_cosh mean_absolute_error
            mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error pearson_correlation
            poisson serialize sparse_categorical_accuracy sparse_categorical_crossentropy
            sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy
        """),
    ),
    Section(
        "keras.optimizers",
        "nn.optimizers",
        split("""
            Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam
            Optimizer OptimizerMap RMSprop SGD ScheduleFreeAdamW deserialize get serialize
        """),
    ),
    Section(
        "keras.optimizers.schedules",
        "nn.optimizers.schedules",
        split("""
            CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule
            PiecewiseConstantDecay PolynomialDecay deserialize serialize
        """),
    ),
    Section(
        "keras.initializers",
        "nn.initializers",
        split("""
            Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity Initializer LecunNormal LecunUniform Ones
            Orthogonal RandomNormal RandomUniform STFT TruncatedNormal VarianceScaling Zeros deserialize get serialize
        """),
    ),
    Section(
        "keras.regularizers",
        "nn.regularizers",
        split("L1 L1L2 L2 OrthogonalRegularizer Regularizer deserialize get serialize"),
    ),
    Section(
        "keras.constraints",
        "nn.constraints",
        split("Constraint MaxNorm MinMaxNorm NonNeg UnitNorm deserialize get serialize"),
    ),
    Section(
        "keras.activations",
        "nn.activations",
        split("""
            celu deserialize elu exponential gelu get glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
            leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu serialize sigmoid silu soft_shrink softmax
            softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
        """),
    ),
    Section(
        "keras.layers",
        "nn.layers",
        split("""
            Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
            AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
            AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization
            Bidirectional CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D
            Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D
            Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU
            EinsumDense Embedding Equalization Flatten FlaxLayer GRU GRUCell GaussianDropout GaussianNoise
            GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
            GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity Input InputLayer
            InputSpec IntegerLookup JaxLayer LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU Masking
            MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp
            MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment
            RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
            RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
            RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
            ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D
            SeparableConv2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D
            SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TFSMLayer TextVectorization
            TimeDistributed TorchModuleWrapper UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper
            ZeroPadding1D ZeroPadding2D ZeroPadding3D add average concatenate deserialize dot maximum minimum multiply
            serialize subtract
        """),
        MappingProxyType(_LEFT_OUT_LAYERS),
    ),
    Section(
        "keras.models",
        "nn.models",
        split("Model Sequential clone_model load_model model_from_json save_model"),
    ),
    Section(
        "keras.callbacks",
        "nn.callbacks",
        split("""
            BackupAndRestore CSVLogger Callback CallbackList EarlyStopping History LambdaCallback LearningRateScheduler
            ModelCheckpoint OrbaxCheckpoint ProgbarLogger ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard
            TerminateOnNaN
        """),
        MappingProxyType(_LEFT_OUT_CALLBACKS),
    ),
    Section(
        "keras.saving",
        "nn.saving",
        split("""
            CustomObjectScope KerasFileEditor deserialize_keras_object get_custom_objects get_registered_name
            get_registered_object load_model load_weights register_keras_serializable save_model save_weights
            serialize_keras_object
        """),
        MappingProxyType(_LEFT_OUT_SAVING),
    ),
    Section(
        "keras.datasets",
        "nn.datasets",
        split("boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters"),
        MappingProxyType({}),
    ),
    Section(
        "keras.ops",
        "nn.ops",
        split("""
            abs absolute adaptive_average_pool adaptive_max_pool add all allclose amax amin angle any append arange
            arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort array array_split
            associative_scan average average_pool bartlett batch_normalization binary_crossentropy bincount bitwise_and
            bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor blackman
            broadcast_to cast categorical_crossentropy cbrt cdist ceil celu cholesky cholesky_inverse clip concatenate
            cond conj conjugate conv conv_transpose convert_to_numpy convert_to_tensor copy corrcoef correlate cos cosh
            count_nonzero cross ctc_decode ctc_loss cumprod cumsum custom_gradient deg2rad depth_to_space depthwise_conv
            det diag diagflat diagonal diff digitize divide divide_no_nan dot dot_product_attention dsplit dstack dtype
            eig eigh einsum elu empty empty_like equal erf erfc erfinv exp exp2 expand_dims expm1 extract_sequences eye
            fabs fft fft2 flip fliplr flipud floor floor_divide fmax fmin fmod fold fori_loop full full_like gcd gelu
            geomspace get_item glu greater greater_equal hamming hanning hard_shrink hard_sigmoid hard_silu hard_swish
            hard_tanh heaviside histogram hsplit hstack hypot i0 identity ifft2 imag in_top_k inner inv irfft is_tensor
            isclose isfinite isin isinf isnan isneginf isposinf isreal istft jvp kaiser kron layer_normalization lcm
            ldexp leaky_relu left_shift less less_equal linspace log log10 log1p log2 log_sigmoid log_softmax logaddexp
            logaddexp2 logdet logical_and logical_not logical_or logical_xor logspace logsumexp lstsq lu_factor map
            matmul matrix_rank max max_pool maximum mean median meshgrid min minimum mod moments moveaxis multi_hot
            multiply nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile
            nanprod nanquantile nanstd nansum nanvar ndim negative nextafter nonzero norm normalize not_equal one_hot
            ones ones_like outer pad percentile pinv polar power prod psnr ptp qr quantile rad2deg ravel real rearrange
            reciprocal relu relu6 repeat reshape rfft right_shift rms_normalization roll rot90 round rsqrt saturate_cast
            scan scatter scatter_update searchsorted segment_max segment_min segment_prod segment_sum select selu
            separable_conv shape sigmoid sign signbit silu sin sinc sinh size slice slice_update slogdet soft_shrink
            softmax softplus softsign solve solve_triangular sort space_to_depth sparse_categorical_crossentropy
            sparse_plus sparse_sigmoid sparsemax split sqrt square squareplus squeeze stack std stft stop_gradient
            subtract sum svd swapaxes swish switch take take_along_axis tan tanh tanh_shrink tensordot threshold tile
            top_k trace transpose trapezoid tri tril triu true_divide trunc unfold unique unravel_index unstack vander
            var vdot vectorize vectorized_map view view_as_complex view_as_real vsplit vstack where while_loop zeros
            zeros_like
        """),
        MappingProxyType(_LEFT_OUT_OPS),
    ),
    Section(
        "keras.random",
        "nn.random",
        split("""
            SeedGenerator beta binomial categorical dropout gamma normal randint shuffle truncated_normal uniform
        """),
    ),
    Section(
        "keras.config",
        "nn.config",
        split("""
            backend disable_flash_attention disable_interactive_logging disable_traceback_filtering dtype_policy
            enable_flash_attention enable_interactive_logging enable_traceback_filtering enable_unsafe_deserialization
            epsilon floatx image_data_format is_flash_attention_enabled is_interactive_logging_enabled is_nnx_enabled
            is_traceback_filtering_enabled max_epochs max_steps_per_epoch set_backend set_dtype_policy set_epsilon
            set_floatx set_image_data_format set_max_epochs set_max_steps_per_epoch
        """),
        MappingProxyType(_LEFT_OUT_CONFIG),
    ),
    Section(
        "keras.backend",
        "nn.backend",
        split("""
            backend clear_session epsilon floatx get_uid image_data_format is_float_dtype is_int_dtype is_keras_tensor
            result_type set_epsilon set_floatx set_image_data_format standardize_dtype
        """),
    ),
    Section(
        "keras.mixed_precision",
        "nn.mixed_precision",
        split("DTypePolicy LossScaleOptimizer dtype_policy global_policy set_dtype_policy set_global_policy"),
    ),
    Section(
        "keras.tree",
        "nn.tree",
        split("""
            MAP_TO_NONE assert_same_paths assert_same_structure flatten flatten_with_path is_nested lists_to_tuples
            map_shape_structure map_structure map_structure_up_to pack_sequence_as traverse
        """),
    ),
    Section(
        "keras.utils",
        "nn.utils",
        split("""
            Config CustomObjectScope FeatureSpace Progbar PyDataset array_to_img audio_dataset_from_directory
            clear_session deserialize_keras_object disable_interactive_logging enable_interactive_logging
            get_custom_objects get_file get_registered_name get_registered_object get_source_inputs
            image_dataset_from_directory img_to_array is_interactive_logging_enabled is_keras_tensor load_img
            model_to_dot normalize pack_x_y_sample_weight pad_sequences plot_model register_keras_serializable save_img
            serialize_keras_object set_random_seed split_dataset standardize_dtype text_dataset_from_directory
            timeseries_dataset_from_array to_categorical unpack_x_y_sample_weight
        """),
        MappingProxyType(_LEFT_OUT_UTILS),
    ),
    Section(
        "keras.utils.bounding_boxes",
        "nn.utils",
        split("""
            affine_transform clip_to_image_size compute_ciou compute_iou convert_format crop decode_deltas_to_boxes
            encode_box_to_deltas pad
        """),
        MappingProxyType(_LEFT_OUT_BOXES),
    ),
    Section(
        "keras.preprocessing",
        "nn.preprocessing",
        split("image_dataset_from_directory text_dataset_from_directory timeseries_dataset_from_array"),
    ),
    Section(
        "keras.preprocessing.image",
        "nn.preprocessing.image",
        split("array_to_img img_to_array load_img save_img smart_resize"),
    ),
    Section("keras.preprocessing.sequence", "nn.preprocessing.sequence", split("pad_sequences")),
)


def row(section: Section, name: str) -> tuple[str, str]:
    """Return a name of Keras's, and where it is here or why it is not."""
    if name in section.left_out:
        return f"`{name}`", f"– {section.left_out[name]}"
    thing = getattr(importlib.import_module(section.ours), name)
    path = Path((inspect.getmodule(thing) or thing).__file__).relative_to(ROOT).as_posix()
    return f"`{name}`", f"`{section.ours}.{name}` in `{path}`"


def page(sections: Iterable[Section] = SECTIONS) -> str:
    """Return the text of docs/reference/keras_coverage.md."""
    lines = [HEADER]
    for section in sections:
        here = [name for name in section.names if name not in section.left_out]
        lines += [
            f"## {section.keras}\n",
            f"{len(here)} of {len(section.names)} names.\n",
            "| Keras | here |",
            "|---|---|",
        ]
        lines += [f"| {name} | {where} |" for name, where in (row(section, name) for name in section.names)]
        lines.append("")
    lines += [
        "## Arguments of layers\n",
        "Layers have Keras's arguments with its defaults, and its weights; all but Conv3DTranspose and SimpleRNN have\n"
        "its order too. These arguments are not here:\n",
        "| argument | why |",
        "|---|---|",
        *(f"| `{name}` | {why} |" for name, why in LAYER_ARGUMENTS.items()),
        "",
    ]
    return "\n".join(lines)
