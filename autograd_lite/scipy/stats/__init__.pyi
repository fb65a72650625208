# fmt: off
"""Names of this module for editors and type checkers; written by test_stubs.py."""

from typing import Any

from .distribution import Distribution
from .multivariate import Joint

class Continuous(Distribution):
    def rvs(self, *args: Any, **kwds: Any) -> Any: ...
    def pdf(self, *args: Any, **kwds: Any) -> Any: ...
    def logpdf(self, *args: Any, **kwds: Any) -> Any: ...
    def cdf(self, *args: Any, **kwds: Any) -> Any: ...
    def logcdf(self, *args: Any, **kwds: Any) -> Any: ...
    def sf(self, *args: Any, **kwds: Any) -> Any: ...
    def logsf(self, *args: Any, **kwds: Any) -> Any: ...
    def ppf(self, *args: Any, **kwds: Any) -> Any: ...
    def isf(self, *args: Any, **kwds: Any) -> Any: ...
    def stats(self, *args: Any, **kwds: Any) -> Any: ...
    def entropy(self, *args: Any, **kwds: Any) -> Any: ...
    def fit(self, *args: Any, **kwds: Any) -> Any: ...
    def expect(self, *args: Any, **kwds: Any) -> Any: ...
    def median(self, *args: Any, **kwds: Any) -> Any: ...
    def mean(self, *args: Any, **kwds: Any) -> Any: ...
    def var(self, *args: Any, **kwds: Any) -> Any: ...
    def std(self, *args: Any, **kwds: Any) -> Any: ...
    def support(self, *args: Any, **kwds: Any) -> Any: ...

class Discrete(Distribution):
    def rvs(self, *args: Any, **kwds: Any) -> Any: ...
    def pmf(self, *args: Any, **kwds: Any) -> Any: ...
    def logpmf(self, *args: Any, **kwds: Any) -> Any: ...
    def cdf(self, *args: Any, **kwds: Any) -> Any: ...
    def logcdf(self, *args: Any, **kwds: Any) -> Any: ...
    def sf(self, *args: Any, **kwds: Any) -> Any: ...
    def logsf(self, *args: Any, **kwds: Any) -> Any: ...
    def ppf(self, *args: Any, **kwds: Any) -> Any: ...
    def isf(self, *args: Any, **kwds: Any) -> Any: ...
    def stats(self, *args: Any, **kwds: Any) -> Any: ...
    def entropy(self, *args: Any, **kwds: Any) -> Any: ...
    def expect(self, *args: Any, **kwds: Any) -> Any: ...
    def median(self, *args: Any, **kwds: Any) -> Any: ...
    def mean(self, *args: Any, **kwds: Any) -> Any: ...
    def var(self, *args: Any, **kwds: Any) -> Any: ...
    def std(self, *args: Any, **kwds: Any) -> Any: ...
    def support(self, *args: Any, **kwds: Any) -> Any: ...

alpha: Continuous
anglit: Continuous
arcsine: Continuous
argus: Continuous
bernoulli: Discrete
beta: Continuous
betabinom: Discrete
betanbinom: Discrete
betaprime: Continuous
binom: Discrete
boltzmann: Discrete
bradford: Continuous
burr: Continuous
burr12: Continuous
cauchy: Continuous
chi: Continuous
chi2: Continuous
cosine: Continuous
crystalball: Continuous
dgamma: Continuous
dirichlet: Joint
dlaplace: Discrete
dpareto_lognorm: Continuous
dweibull: Continuous
erlang: Continuous
expon: Continuous
exponnorm: Continuous
exponpow: Continuous
exponweib: Continuous
f: Continuous
fatiguelife: Continuous
fisk: Continuous
foldcauchy: Continuous
foldnorm: Continuous
gamma: Continuous
gausshyper: Continuous
genexpon: Continuous
genextreme: Continuous
gengamma: Continuous
genhalflogistic: Continuous
genhyperbolic: Continuous
geninvgauss: Continuous
genlogistic: Continuous
gennorm: Continuous
genpareto: Continuous
geom: Discrete
gibrat: Continuous
gompertz: Continuous
gumbel_l: Continuous
gumbel_r: Continuous
halfcauchy: Continuous
halfgennorm: Continuous
halflogistic: Continuous
halfnorm: Continuous
hypsecant: Continuous
invgamma: Continuous
invgauss: Continuous
invweibull: Continuous
invwishart: Joint
irwinhall: Continuous
jf_skew_t: Continuous
johnsonsb: Continuous
johnsonsu: Continuous
kappa3: Continuous
kappa4: Continuous
laplace: Continuous
laplace_asymmetric: Continuous
levy: Continuous
levy_l: Continuous
loggamma: Continuous
logistic: Continuous
loglaplace: Continuous
lognorm: Continuous
logser: Discrete
loguniform: Continuous
lomax: Continuous
matrix_normal: Joint
maxwell: Continuous
mielke: Continuous
moyal: Continuous
multinomial: Joint
multivariate_normal: Joint
multivariate_t: Joint
nakagami: Continuous
nbinom: Discrete
ncf: Continuous
nchypergeom_fisher: Discrete
nchypergeom_wallenius: Discrete
nct: Continuous
ncx2: Continuous
norm: Continuous
norminvgauss: Continuous
pareto: Continuous
pearson3: Continuous
planck: Discrete
poisson: Discrete
powerlaw: Continuous
powerlognorm: Continuous
powernorm: Continuous
rayleigh: Continuous
rdist: Continuous
recipinvgauss: Continuous
reciprocal: Continuous
rel_breitwigner: Continuous
rice: Continuous
semicircular: Continuous
skellam: Discrete
skewcauchy: Continuous
skewnorm: Continuous
t: Continuous
trapezoid: Continuous
triang: Continuous
truncexpon: Continuous
truncnorm: Continuous
truncpareto: Continuous
truncweibull_min: Continuous
tukeylambda: Continuous
uniform: Continuous
vonmises: Continuous
vonmises_line: Continuous
wald: Continuous
weibull_max: Continuous
weibull_min: Continuous
wishart: Joint
wrapcauchy: Continuous
yulesimon: Discrete
zipf: Discrete
zipfian: Discrete
