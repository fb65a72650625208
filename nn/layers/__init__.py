"""Layers, with Keras's names, arguments and weight layouts.

Arguments that all layers have: `input_shape`, the shape of one sample without the batch axis, which lets parameters
be created before the first call; `name`; `dtype`, float32 by default.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

from ..module.elsewhere import IN_NN as _IN_NN

if TYPE_CHECKING:
    from .activation import ELU as ELU, LeakyReLU as LeakyReLU, PReLU as PReLU, ReLU as ReLU, Softmax as Softmax
    from .activity_regularization import ActivityRegularization as ActivityRegularization
    from .attention.attention import MultiHeadAttention as MultiHeadAttention, TransformerBlock as TransformerBlock
    from .attention.grouped_attention import GroupQueryAttention as GroupQueryAttention
    from .attention.rotary import RotaryEmbedding as RotaryEmbedding
    from .attention.scores import AdditiveAttention as AdditiveAttention, Attention as Attention
    from .augmentation.color import (
        RandomBrightness as RandomBrightness,
        RandomColorDegeneration as RandomColorDegeneration,
        RandomColorJitter as RandomColorJitter,
        RandomContrast as RandomContrast,
        RandomGrayscale as RandomGrayscale,
        RandomHue as RandomHue,
        RandomInvert as RandomInvert,
        RandomSaturation as RandomSaturation,
    )
    from .augmentation.effects import (
        AutoContrast as AutoContrast,
        RandomErasing as RandomErasing,
        RandomGaussianBlur as RandomGaussianBlur,
        RandomPosterization as RandomPosterization,
        RandomSharpness as RandomSharpness,
        Solarization as Solarization,
    )
    from .augmentation.geometry import (
        RandomCrop as RandomCrop,
        RandomElasticTransform as RandomElasticTransform,
        RandomFlip as RandomFlip,
        RandomPerspective as RandomPerspective,
        RandomRotation as RandomRotation,
        RandomShear as RandomShear,
        RandomTranslation as RandomTranslation,
        RandomZoom as RandomZoom,
    )
    from .augmentation.histograms import (
        ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
        Equalization as Equalization,
    )
    from .augmentation.mixing import CutMix as CutMix, MixUp as MixUp
    from .augmentation.policies import AugMix as AugMix, RandAugment as RandAugment
    from .convolution.adaptive_pooling import (
        AdaptiveAveragePooling1D as AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D as AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D as AdaptiveAveragePooling3D,
        AdaptiveMaxPooling1D as AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D as AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D as AdaptiveMaxPooling3D,
    )
    from .convolution.conv_lstm import ConvLSTM1D as ConvLSTM1D, ConvLSTM2D as ConvLSTM2D, ConvLSTM3D as ConvLSTM3D
    from .convolution.convolution import (
        Conv1D as Conv1D,
        Conv2D as Conv2D,
        Conv3D as Conv3D,
        Convolution1D as Convolution1D,
        Convolution2D as Convolution2D,
        Convolution3D as Convolution3D,
        DepthwiseConv1D as DepthwiseConv1D,
        DepthwiseConv2D as DepthwiseConv2D,
        SeparableConv1D as SeparableConv1D,
        SeparableConv2D as SeparableConv2D,
        SeparableConvolution1D as SeparableConvolution1D,
        SeparableConvolution2D as SeparableConvolution2D,
    )
    from .convolution.padding import (
        Cropping1D as Cropping1D,
        Cropping2D as Cropping2D,
        Cropping3D as Cropping3D,
        ZeroPadding1D as ZeroPadding1D,
        ZeroPadding2D as ZeroPadding2D,
        ZeroPadding3D as ZeroPadding3D,
    )
    from .convolution.pooling import (
        AveragePooling1D as AveragePooling1D,
        AveragePooling2D as AveragePooling2D,
        AveragePooling3D as AveragePooling3D,
        AvgPool1D as AvgPool1D,
        AvgPool2D as AvgPool2D,
        AvgPool3D as AvgPool3D,
        GlobalAveragePooling1D as GlobalAveragePooling1D,
        GlobalAveragePooling2D as GlobalAveragePooling2D,
        GlobalAveragePooling3D as GlobalAveragePooling3D,
        GlobalAvgPool1D as GlobalAvgPool1D,
        GlobalAvgPool2D as GlobalAvgPool2D,
        GlobalAvgPool3D as GlobalAvgPool3D,
        GlobalMaxPool1D as GlobalMaxPool1D,
        GlobalMaxPool2D as GlobalMaxPool2D,
        GlobalMaxPool3D as GlobalMaxPool3D,
        GlobalMaxPooling1D as GlobalMaxPooling1D,
        GlobalMaxPooling2D as GlobalMaxPooling2D,
        GlobalMaxPooling3D as GlobalMaxPooling3D,
        MaxPool1D as MaxPool1D,
        MaxPool2D as MaxPool2D,
        MaxPool3D as MaxPool3D,
        MaxPooling1D as MaxPooling1D,
        MaxPooling2D as MaxPooling2D,
        MaxPooling3D as MaxPooling3D,
    )
    from .convolution.resizing import (
        CenterCrop as CenterCrop,
        Resizing as Resizing,
        UpSampling1D as UpSampling1D,
        UpSampling2D as UpSampling2D,
        UpSampling3D as UpSampling3D,
    )
    from .convolution.spectrogram import MelSpectrogram as MelSpectrogram, STFTSpectrogram as STFTSpectrogram
    from .convolution.transposed import (
        Conv1DTranspose as Conv1DTranspose,
        Conv2DTranspose as Conv2DTranspose,
        Conv3DTranspose as Conv3DTranspose,
        Convolution1DTranspose as Convolution1DTranspose,
        Convolution2DTranspose as Convolution2DTranspose,
        Convolution3DTranspose as Convolution3DTranspose,
    )
    from .dense import Activation as Activation, Dense as Dense, Dropout as Dropout
    from .einsum_dense import EinsumDense as EinsumDense
    from .embedding.embedding import (
        Embedding as Embedding,
        PositionalEmbedding as PositionalEmbedding,
        SinusoidalEmbedding as SinusoidalEmbedding,
        TokenAndPositionEmbedding as TokenAndPositionEmbedding,
    )
    from .embedding.reversible_embedding import ReversibleEmbedding as ReversibleEmbedding
    from .equilibrium import FixedPoint as FixedPoint
    from .function import Lambda as Lambda
    from .input_spec import InputSpec as InputSpec
    from .layer import Layer as Layer
    from .masking import Masking as Masking
    from .merging import (
        Add as Add,
        Average as Average,
        Concatenate as Concatenate,
        Dot as Dot,
        Maximum as Maximum,
        Minimum as Minimum,
        Multiply as Multiply,
        Residual as Residual,
        Subtract as Subtract,
    )
    from .merging_functions import (
        add as add,
        average as average,
        concatenate as concatenate,
        dot as dot,
        maximum as maximum,
        minimum as minimum,
        multiply as multiply,
        subtract as subtract,
    )
    from .noise import (
        AlphaDropout as AlphaDropout,
        GaussianDropout as GaussianDropout,
        GaussianNoise as GaussianNoise,
        SpatialDropout1D as SpatialDropout1D,
        SpatialDropout2D as SpatialDropout2D,
        SpatialDropout3D as SpatialDropout3D,
    )
    from .normalization import (
        BatchNormalization as BatchNormalization,
        GroupNormalization as GroupNormalization,
        LayerNormalization as LayerNormalization,
        RMSNormalization as RMSNormalization,
        UnitNormalization as UnitNormalization,
    )
    from .operation import Operation as Operation
    from .pipeline import Pipeline as Pipeline
    from .preprocessing.categories import CategoryEncoding as CategoryEncoding, Discretization as Discretization
    from .preprocessing.hashing import HashedCrossing as HashedCrossing, Hashing as Hashing
    from .preprocessing.lookup import IntegerLookup as IntegerLookup, StringLookup as StringLookup
    from .preprocessing.scaling import Normalization as Normalization, Rescaling as Rescaling
    from .preprocessing.vectorization import TextVectorization as TextVectorization
    from .recurrent.cells import GRUCell as GRUCell, LSTMCell as LSTMCell, SimpleRNNCell as SimpleRNNCell
    from .recurrent.recurrent import (
        GRU as GRU,
        LSTM as LSTM,
        RNN as RNN,
        SimpleRNN as SimpleRNN,
        StackedRNNCells as StackedRNNCells,
    )
    from .recurrent.wrapper import SpectralNormalization as SpectralNormalization, Wrapper as Wrapper
    from .recurrent.wrappers import Bidirectional as Bidirectional, TimeDistributed as TimeDistributed
    from .reshaping import (
        Flatten as Flatten,
        Identity as Identity,
        Input as Input,
        InputLayer as InputLayer,
        Permute as Permute,
        RepeatVector as RepeatVector,
        Reshape as Reshape,
    )
    from .serialization import deserialize as deserialize, serialize as serialize
else:
    __getattr__, __dir__, __all__ = _attach(__name__, lambda name: _IN_NN)
