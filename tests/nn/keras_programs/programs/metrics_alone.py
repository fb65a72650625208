"""Metrics as objects: updated, read, reset."""

import keras
import numpy as np

y, p = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.8, 0.3, 0.6, 0.9], "float32")
found = {}
for metric in (
    keras.metrics.BinaryAccuracy(threshold=0.4),
    keras.metrics.Precision(),
    keras.metrics.Recall(thresholds=[0.2, 0.7]),
    keras.metrics.AUC(num_thresholds=50),
    keras.metrics.TruePositives(),
    keras.metrics.PrecisionAtRecall(0.5),
):
    metric.update_state(y[:3], p[:3])
    first = np.array(metric.result())
    metric.update_state(y[3:], p[3:], sample_weight=[2, 1])
    found[metric.name] = [first, np.array(metric.result())]
    metric.reset_state()
mean = keras.metrics.Mean(name="loss")
for value in (1.0, 2.0, 6.0):
    mean.update_state(value)
f1 = keras.metrics.F1Score(average="macro", threshold=0.5)
iou = keras.metrics.MeanIoU(num_classes=3)
iou.update_state([0, 1, 2, 2], [0, 1, 1, 2])
results = {
    "found": found,
    "mean": mean.result(),
    "f1": f1(np.eye(3)[[0, 1, 2, 1]], np.eye(3, dtype="float32")[[0, 2, 2, 1]]),
    "iou": iou.result(),
}
