"""A call for each of SciPy's functions that support the array API, as text: SciPy's modules and `VALUES` are its names.

A line `module(arguments): names` stands for a call of each name; `Class.method: expression` says what is tried of a
method, and any other line is the call itself. What has one letter and is floating is differentiated by.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

rng = np.random.default_rng(7)
VALUES: dict[str, Any] = {
    "x": rng.normal(size=9),
    "y": rng.normal(size=9) + 0.4,
    "w": rng.uniform(0.5, 2.0, size=9),
    "p": np.array([0.11, 0.35, 0.62]),
    "u": np.array([0.2, 0.5, 0.85]),
    "v": np.array([1.7, 2.4, 3.9]),
    "a": np.array([1.3, 2.2, 4.1]),
    "b": np.array([2.6, 1.4, 3.3]),
    "n": np.array([4, 5, 7]),
    "k": np.array([1, 2, 3]),
    "g": rng.normal(size=(6, 7)),
    "h": rng.normal(size=(3, 3)),
    "m": rng.normal(size=(5, 3)),
    "r": rng.normal(size=(3, 4)),
    "s": rng.normal(size=32),
    "f": np.array([0.2, 0.35, 0.3, 0.15]),
    "d": np.array([1.1, -0.45, 0.2]),
    "c": np.array([0.4, 0.3, 0.1]),
    "t": np.linspace(0.0, 3.0, 9) ** 1.1,
    "o": np.array([0.6, -0.3, 0.5, 0.4]),
    "e": np.array([0.3, -0.7, 0.4]),
    "z": np.array([0.5 + 0.2j, -0.3 + 0.6j]),
    "counts": np.array([18, 22, 9, 31]),
    "labels": np.array([[1, 1, 2, 2, 0, 1, 1], [0, 0, 2, 2, 1, 1, 2]] * 3),
    "mask": np.array([[0, 1, 1, 0, 1, 1, 0], [1, 1, 0, 1, 1, 0, 1]] * 3, dtype=bool),
    "l": np.array([0.3, 0.5, 1.1]),
    "q": np.array([0.2, 0.3, 0.1, -0.4, 0.2]),
    "pose": np.array([[0.0, -1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 1.0]]),
    "turned": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "dual": np.array([0.5, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, -0.5]),
    "start": np.array([0.0, 0.0, 0.0]),
    "one": np.ones(1),
    "five": np.array(5),
    "tall": rng.normal(size=(40, 40)),
}

CALLS = """
special(u): cbrt cosdg cosm1 cotdg ellipk ellipkm1 entr erf erfc erfcx erfinv exp1 exp10 exp2 exprel expi expit gamma
special(u): gammaln gammasgn i0 i0e i1 i1e j0 j1 k0 k0e k1 k1e log_ndtr loggamma logit ndtr ndtri psi rgamma sinc sindg
special(u): spence tandg y0 y1
special(v, u): zeta
special(v): zetac logsumexp softmax log_softmax
special(a, b): betaln binom boxcox boxcox1p chdtr chdtrc gammainc gammaincc poch pseudo_huber rel_entr kl_div huber
special(a, u): chdtri gammainccinv gammaincinv inv_boxcox inv_boxcox1p stdtr stdtrit xlog1py xlogy
special(k, v): expn yn polygamma pdtr pdtrc
special(k, u): pdtri
special(a, b, u): betainc betaincc betaincinv fdtri
special(k, n, u): hyp1f1
special(a, b, v): fdtr fdtrc gdtr gdtrc
special(k, n, u): bdtr bdtrc bdtri nbdtr nbdtrc nbdtri
special(a, b, v): radian
special.lpmv(1, 2, u)
special.multigammaln(v, 2)

linalg.block_diag(h, r)
linalg.fiedler(x)
linalg.orthogonal_procrustes(m, m[::-1, ...] + 0.1 * m**2)
constants.convert_temperature(x, "Celsius", "Fahrenheit")
constants(a): lambda2nu nu2lambda

fft(z): fft ifft hfft irfft
fft(x): rfft ihfft dct idct dst idst fftshift ifftshift
fft(g): fftn ifftn fft2 ifft2 rfftn rfft2 ihfftn ihfft2 dctn idctn dstn idstn
fft(g): hfftn hfft2 irfftn irfft2
fft(5, xp=xp): fftfreq rfftfreq
fft(f, 0.3, 0.2): fht ifht

integrate.trapezoid(y, t)
integrate.cumulative_trapezoid(y, t)
integrate.cumulative_simpson(y, x=t)
integrate.romb(x)
integrate.tanhsinh(lambda x, c: xp.exp(-c * x), u, v, args=(c,)).integral
integrate.nsum(lambda k, c: 1 / k ** (c + 2), xp.asarray([1.0] * 3), xp.asarray([20.0] * 3), args=(c,)).sum
integrate.cubature(lambda x: xp.exp(-a[0] * x[:, 0] ** 2), xp.asarray([0.0]), xp.asarray([1.0])).estimate
integrate.qmc_quad(lambda x: xp.sum(x**2 * c[0], axis=0), start[:1], one, n_points=32, qrng=halton(1)).integral

differentiate.derivative(lambda x: xp.exp(x) * a[0], u).df
differentiate.jacobian(lambda x: xp.stack([x[0] * x[1], x[1] ** 2]), u[:2], maxiter=2).df
differentiate.hessian(lambda x: x[0] ** 2 * x[1], u[:2], maxiter=1).ddf

optimize(e): rosen rosen_der rosen_hess
optimize.rosen_hess_prod(e, c)
optimize.find_root: elementwise.find_root(lambda x, c: x**3 - c, (xp.zeros_like(c), xp.ones_like(c)), args=(c,)).x
optimize.find_minimum: elementwise.find_minimum(lambda x, c: (x - c) ** 2, (c - 1.0, c + 0.1, c + 1.0), args=(c,)).x
optimize.bracket_root: elementwise.bracket_root(lambda x, c: x**3 - c, xp.zeros_like(c), args=(c,)).bracket
optimize.bracket_minimum: elementwise.bracket_minimum(lambda x, c: (x - c) ** 2, c * 0 + 0.3, args=(c,)).bracket

vq.whiten(m)
vq.vq(m, h)
vq.kmeans(m, h, iter=1)
vq.kmeans2(m, h, minit="matrix")
hierarchy(m): single complete average weighted centroid median ward linkage
hierarchy(linkage_of(l)): to_tree cophenet inconsistent leaves_list maxdists
hierarchy(linkage_of(l)): is_monotonic is_valid_linkage num_obs_linkage to_mlab_linkage
hierarchy.from_mlab_linkage(hierarchy.to_mlab_linkage(linkage_of(l)))
hierarchy.is_valid_im(hierarchy.inconsistent(linkage_of(l)))
hierarchy.correspond(linkage_of(l), xp.asarray([0.3, 1.0, 1.2, 1.1, 0.9, 0.5]))
hierarchy.fcluster(linkage_of(l), 2, "maxclust")
hierarchy.fclusterdata(m, 2, "maxclust")
hierarchy.dendrogram(linkage_of(l), no_plot=True)["dcoord"]
hierarchy.is_isomorphic(k, k)
hierarchy.maxinconsts(linkage_of(l), hierarchy.inconsistent(linkage_of(l)))
hierarchy.maxRstat(linkage_of(l), hierarchy.inconsistent(linkage_of(l)), 1)
hierarchy.leaders(linkage_of(l), hierarchy.fcluster(linkage_of(l), 2, "maxclust"))
hierarchy.optimal_leaf_ordering(hierarchy.ward(m), m)

stats(x): differential_entropy tmean tvar tmin tmax tstd tsem skew kurtosis describe skewtest jarque_bera sem zscore iqr
stats(x): median_abs_deviation circmean circvar circstd lmoment wilcoxon kstat kstatvar rankdata sigmaclip mode
stats(s): kurtosistest normaltest
stats(w): gmean hmean gzscore gstd variation power_divergence chisquare
stats(x, y): levene mood ansari kruskal brunnermunzel mannwhitneyu cramervonmises_2samp ttest_ind
stats(x, y): ttest_rel pearsonr spearmanrho chatterjeexi zmap
stats(x, y, w): bartlett fligner friedmanchisquare alexandergovern f_oneway
stats(p): combine_pvalues false_discovery_control
stats.epps_singleton_2samp(s, 1.3 * s[:20] + 0.2)
stats.ttest_1samp(x, 0.2)
stats.ttest_ind_from_stats(a[0], b[0], 12, a[1], b[1], 15)
stats.pmean(w, 1.7)
stats.moment(x, 3)
stats.trim_mean(x, 0.2)
stats.boxcox_llf(0.4, w)
stats.yeojohnson_llf(0.4, x)
stats.directional_stats(m)
stats.quantile(x, u)
stats.entropy(f)
stats.ks_1samp(x, special.ndtr)
stats.cramervonmises(x, special.ndtr)
stats.bootstrap((x,), lambda x, axis: xp.mean(x, axis=axis), n_resamples=9, rng=generator(1)).standard_error
stats.monte_carlo_test(x, normal_draws, lambda x, axis: xp.mean(x, axis=axis), n_resamples=9).statistic
stats.permutation_test((x, y), mean_gap, n_resamples=9, rng=generator(1)).statistic
stats.power(ttest_value, (normal_draws, normal_draws), (five, five), n_resamples=9).power

ndimage(g, 1.0): gaussian_gradient_magnitude gaussian_laplace gaussian_filter gaussian_filter1d
ndimage(g): laplace prewitt sobel spline_filter spline_filter1d uniform_filter
ndimage(g, 3): uniform_filter1d maximum_filter maximum_filter1d minimum_filter minimum_filter1d median_filter
ndimage(g, 3): grey_closing grey_dilation grey_erosion grey_opening black_tophat white_tophat morphological_gradient
ndimage(g, 3): morphological_laplace
ndimage(g, h): convolve correlate
ndimage(g, c): convolve1d correlate1d
ndimage(g, 1.5): fourier_ellipsoid fourier_gaussian fourier_shift fourier_uniform zoom rotate shift
ndimage.affine_transform(g, h[:2, :2])
ndimage.map_coordinates(g, xp.abs(r[:2, :]))
ndimage.percentile_filter(g, 30, 3)
ndimage.rank_filter(g, 2, 3)
ndimage(g, labels): center_of_mass extrema maximum maximum_position mean median minimum minimum_position
ndimage(g, labels): standard_deviation sum sum_labels variance
ndimage(mask): binary_closing binary_dilation binary_erosion binary_fill_holes binary_hit_or_miss binary_opening
ndimage(mask): binary_propagation distance_transform_bf distance_transform_cdt distance_transform_edt label
ndimage(labels): value_indices find_objects
ndimage.histogram(g, -2, 2, 5)
ndimage.iterate_structure(mask[:3, :3], 2)
ndimage.watershed_ift(xp.astype(labels, xp.uint8), labels)
ndimage.generic_filter(g, np.mean, 3)
ndimage.vectorized_filter(g, lambda x, axis: xp.mean(x, axis=axis), size=3)
ndimage.geometric_transform(g, lambda i: i)
ndimage.labeled_comprehension(g, labels, [1, 2], np.mean, float, 0)
ndimage.generic_filter1d(g, copy_line, 3)
ndimage.generic_gradient_magnitude(g, difference)
ndimage.generic_laplace(g, difference)

windows(7, xp=xp): boxcar triang parzen bohman blackman nuttall blackmanharris flattop bartlett hann barthann hamming
windows(7, xp=xp): cosine lanczos taylor
windows(7, a[0]): general_hamming kaiser gaussian
windows(7, u[0]): tukey
windows.exponential(7, tau=a[0])
windows.kaiser_bessel_derived(8, a[0])
windows.general_gaussian(7, a[0], b[0])
windows.general_cosine(7, c)
windows.chebwin(7, 20.0 * a[2])
windows.get_window("hann", 7, xp=xp)

signal.gammatone(0.4, "fir", xp=xp)
signal(3, xp=xp): buttap besselap
signal(3, 1.0, xp=xp): cheb1ap
signal(3, 20.0, xp=xp): cheb2ap
signal(3, 1.0, 20.0, xp=xp): ellipap
signal(3, p[:2], "band"): butter bessel
signal.iirfilter(3, p[:2], btype="band")
signal(p[0], u[1], 1.0, 20.0): buttord cheb1ord cheb2ord ellipord iirdesign
signal.cheby1(3, 1.0, p[:2], "band")
signal.cheby2(3, 20.0, p[:2], "band")
signal.ellip(3, 1.0, 20.0, p[:2], "band")
signal(u[0], b[0]): iirnotch iirpeak
signal.iircomb(0.25, 10.0, xp=xp)
signal.firwin(7, p[:2])
signal.firwin2(7, xp.asarray([0.0, 0.4, 1.0]), c)
signal.firls(7, xp.asarray([0.0, 0.3, 0.5, 1.0]), f)
signal.remez(7, xp.asarray([0.0, 0.1, 0.3, 0.5]), a[:2])
signal.group_delay((c, d), v / 2)
signal(c, d, v / 2): freqs freqz
signal(c, d): bilinear lp2bp lp2bs lp2hp lp2lp normalize tf2sos tf2zpk
signal(z, 1.5 * z, 0.5, v / 2): freqs_zpk freqz_zpk
signal(z, 1.5 * z, 0.5): lp2bp_zpk lp2bs_zpk lp2hp_zpk lp2lp_zpk zpk2tf
signal.zpk2sos(xp.concat([z, xp.conj(z)]), xp.concat([0.5 * z, 0.5 * xp.conj(z)]), 0.5)
signal.bilinear_zpk(z, z, 0.5, 1.0)
signal(sections_of(q), v / 2): freqz_sos sosfreqz
signal(sections_of(q)): sos2tf sos2zpk sosfilt_zi
signal.abcd_normalize(h, h[:, :1], h[:1, :], h[:1, :1])
signal(x, c): convolve correlate fftconvolve oaconvolve choose_conv_method
signal.deconvolve(x, d)
signal(g, h): convolve2d correlate2d
signal(c, d, s): lfilter filtfilt
signal.bode((h, h[:, :1], h[:1, :], h[:1, :1]))
signal.impulse((h, h[:, :1], h[:1, :], h[:1, :1]), T=xp.linspace(0.0, 3.0, 9))
signal.place_poles(h, h[:, :1], p).gain_matrix
signal.lfilter_zi(c, d)
signal.lfiltic(c, d, x[:2])
signal(sections_of(q), s): sosfilt sosfiltfilt
signal(s): detrend hilbert envelope
signal.hilbert2(g)
signal.resample(s, 20)
signal.resample_poly(s, 2, 3)
signal.upfirdn(c, x, 2, 1)
signal(7, 3): savgol_coeffs
signal.savgol_filter(s, 7, 3)
signal.medfilt(x)
signal.medfilt2d(g)
signal.wiener(s)
signal.order_filter(g, xp.ones((3, 3)), 4)
signal.minimum_phase(s)
signal.vectorstrength(a, 0.7)
signal.gauss_spline(x, 3)
signal(x): cspline1d qspline1d
signal(tall): cspline2d spline_filter
signal.cspline1d_eval(x, u)
signal.qspline1d_eval(x, u)

interpolate.Akima1DInterpolator(t, x)(u)
interpolate.PchipInterpolator(t, x)(u)
interpolate.CubicSpline(t, x)(u)
interpolate.CubicHermiteSpline(t, x, y)(u)
interpolate.make_interp_spline(t, x)(u)
interpolate.make_lsq_spline(t, x, xp.asarray([0.0] * 4 + [1.5] + [float(VALUES["t"][-1])] * 4))(u)
interpolate.make_smoothing_spline(t, x, lam=0.1)(u)
interpolate.make_splrep(t, x, s=0.1)(u)
interpolate.make_splprep([t, x], s=0.1)[0](u)
interpolate.generate_knots(t, x, s=0.1)
interpolate.BSpline(t, x[:5], 3)(u)
interpolate.PPoly(h, start[:1] + xp.asarray([0.0, 0.4, 0.6, 1.0]))(u)
interpolate.BPoly(h, start[:1] + xp.asarray([0.0, 0.4, 0.6, 1.0]))(u)
interpolate.NdBSpline((t,), x[:5], 3)(u[:, None])
interpolate.RBFInterpolator(m, x[:5])(h)
interpolate.RegularGridInterpolator((t,), x)(u[:, None])
"""
ROTATIONS = """
Rotation.from_quat: transform.Rotation.from_quat(o).as_matrix()
Rotation.from_matrix: transform.Rotation.from_matrix(turned + 0.01 * h).as_matrix()
Rotation.from_rotvec: transform.Rotation.from_rotvec(e).as_matrix()
Rotation.from_euler: transform.Rotation.from_euler("xyz", e).as_matrix()
Rotation.from_davenport: transform.Rotation.from_davenport(xp.eye(3), "extrinsic", e).as_matrix()
Rotation.from_mrp: transform.Rotation.from_mrp(e).as_matrix()
Rotation.as_quat: transform.Rotation.from_rotvec(e).as_quat()
Rotation.as_matrix: transform.Rotation.from_rotvec(e).as_matrix()
Rotation.as_rotvec: transform.Rotation.from_quat(o).as_rotvec()
Rotation.as_euler: transform.Rotation.from_quat(o).as_euler("xyz")
Rotation.as_davenport: transform.Rotation.from_quat(o).as_davenport(xp.eye(3), "extrinsic")
Rotation.as_mrp: transform.Rotation.from_quat(o).as_mrp()
Rotation.concatenate: transform.Rotation.concatenate([transform.Rotation.from_rotvec(m)] * 2).as_quat()
Rotation.apply: transform.Rotation.from_rotvec(e).apply(m)
Rotation.__mul__: (transform.Rotation.from_rotvec(e) * transform.Rotation.from_quat(o)).as_matrix()
Rotation.__pow__: (transform.Rotation.from_rotvec(e) ** 0.4).as_matrix()
Rotation.inv: transform.Rotation.from_rotvec(e).inv().as_matrix()
Rotation.magnitude: transform.Rotation.from_rotvec(m).magnitude()
Rotation.approx_equal: transform.Rotation.from_rotvec(m).approx_equal(transform.Rotation.from_rotvec(e))
Rotation.mean: transform.Rotation.from_rotvec(0.3 * m).mean().as_matrix()
Rotation.reduce: reduced(transform.Rotation, m, e[None, :], c[None, :]).as_matrix()
Rotation.__getitem__: transform.Rotation.from_rotvec(m)[1].as_matrix()
Rotation.__setitem__: with_first(transform.Rotation.from_rotvec(m), transform.Rotation.from_rotvec(e)).as_matrix()
Rotation.align_vectors: transform.Rotation.align_vectors(m, m + 0.2 * m**2)[0].as_matrix()
Rotation.__repr__: len(repr(transform.Rotation.from_quat(o))) > 5
Rotation.__iter__: [r.as_matrix() for r in transform.Rotation.from_rotvec(m)]
Slerp.__init__: transform.Slerp(xp.arange(3.0), transform.Rotation.from_rotvec(h))(u).as_matrix()
Slerp.__call__: transform.Slerp(xp.arange(3.0), transform.Rotation.from_rotvec(h))(u).as_matrix()
normalize_dual_quaternion: transform.RigidTransform.from_dual_quat(dual + 0.1 * xp.concat([o, f])).as_dual_quat()
RigidTransform.from_matrix: transform.RigidTransform.from_matrix(pose + 0.01 * xp.concat([r, 0 * r[:1, :]])).as_matrix()
RigidTransform.from_rotation: transform.RigidTransform.from_rotation(transform.Rotation.from_rotvec(e)).as_matrix()
RigidTransform.from_translation: transform.RigidTransform.from_translation(e).as_matrix()
RigidTransform.from_components: pose_of(c, e).as_matrix()
RigidTransform.from_exp_coords: transform.RigidTransform.from_exp_coords(xp.concat([e, c])).as_matrix()
RigidTransform.from_dual_quat: transform.RigidTransform.from_dual_quat(xp.concat([o, f])).as_matrix()
RigidTransform.identity: transform.RigidTransform.identity().as_matrix()
RigidTransform.concatenate: transform.RigidTransform.concatenate([pose_of(c, e), pose_of(e, c)]).as_matrix()
RigidTransform.mean: pose_of(m, 0.3 * m).mean().as_matrix()
RigidTransform.as_matrix: pose_of(c, e).as_matrix()
RigidTransform.as_components: pose_of(c, e).as_components()[0]
RigidTransform.as_exp_coords: pose_of(c, e).as_exp_coords()
RigidTransform.as_dual_quat: pose_of(c, e).as_dual_quat()
RigidTransform.__getitem__: transform.RigidTransform.from_translation(m)[1].as_matrix()
RigidTransform.__setitem__: with_first(transform.RigidTransform.from_translation(m), pose_of(c, e)).as_matrix()
RigidTransform.__mul__: (pose_of(c, e) * pose_of(e, c)).as_matrix()
RigidTransform.__pow__: (pose_of(c, e) ** 0.4).as_matrix()
RigidTransform.inv: pose_of(c, e).inv().as_matrix()
RigidTransform.apply: pose_of(c, e).apply(m)
RigidTransform.__iter__: [r.as_matrix() for r in transform.RigidTransform.from_translation(m)]
"""


def calls() -> dict[str, str]:
    """Return the expressions that are tried, by names of functions such as "stats.zscore"."""
    found: dict[str, str] = {}
    for line in filter(None, CALLS.splitlines()):
        head, _, names = line.rpartition("): ")
        if head and re.fullmatch(r"[\w ]+", names):
            module, _, arguments = head.partition("(")
            for name in names.split():
                found[f"{module}.{name}"] = f"{module}.{name}({arguments})"
        elif named := re.match(r"([\w.]+): ", line):
            found[named[1]] = line[named.end() :]
        else:
            found[line.partition("(")[0]] = line
    for line in filter(None, ROTATIONS.splitlines()):
        name, _, expression = line.partition(": ")
        found[f"transform.{name}"] = expression
    return found


# Why a function does not take Tensors.
NOTES = {
    "interpolate.RBFInterpolator": "it wants `.view` of a Tensor",
    "signal.bode": "it wants `np.poly` of a matrix",
    "signal.sosfilt": "it wants memory to write into",
    "signal.sosfiltfilt": "it wants memory to write into",
}
