"""A run of `td.fit` that other processes start, and kill."""

import sys

import tandem as td


class Noisy(td.data.Dataset):
    """Draws from all generators that there are."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        import random

        import numpy as np

        noise = float(td.random.normal()) + random.random() + float(np.random.rand())
        return self.x[index] + 0.01 * noise, self.y[index]


def problem(dataset="tensors", workers=0, own=False):
    td.manual_seed(4)
    generator = td.random.Generator(1)
    x = generator.normal((60, 3))
    y = (x[:, 0] > x[:, 1]).astype(td.int64)
    model = td.nn.Sequential(td.nn.Linear(3, 8), td.nn.Dropout(0.2), td.nn.Tanh(), td.nn.Linear(8, 2))
    data = td.data.TensorDataset(x, y) if dataset == "tensors" else Noisy(x, y)
    order = td.random.Generator(5) if own else None
    loader = td.data.DataLoader(data, 8, shuffle=True, num_workers=workers, generator=order)
    optimizer = td.optim.AdamW(model.parameters(), lr=0.02)
    return model, loader, optimizer, (x, y)


def run(path, epochs=4, every=1, dataset="tensors", workers=0, own=False, **options):
    import random

    import numpy as np

    random.seed(1)
    np.random.seed(1)
    model, loader, optimizer, (x, y) = problem(dataset, workers, own)
    scheduler = td.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=8 * epochs)
    held_out = td.data.DataLoader(td.data.TensorDataset(x[:20], y[:20]), 7)
    history = td.fit(
        model,
        loader,
        loss=td.nn.functional.cross_entropy,
        optimizer=optimizer,
        epochs=epochs,
        validation=held_out,
        scheduler=scheduler,
        scheduler_step="batch",
        metrics=["accuracy"],
        clip_grad_norm=1.0,
        checkpoint=path,
        checkpoint_every=every,
        progress=False,
        **options,
    )
    history.pop("seconds", None)
    return [p.detach().numpy().tobytes() for p in model.parameters()], history, td.random.get_state().tolist()


if __name__ == "__main__":
    import os
    import signal

    path, end, dataset, workers, own = (
        sys.argv[1],
        int(sys.argv[2]),
        sys.argv[3],
        int(sys.argv[4]),
        sys.argv[5] == "own",
    )
    steps = 0

    class Kill(td.training.Callback):
        """Ends the process by force in the middle of an epoch."""

        def after_batch(self, run):
            global steps
            steps += 1
            if steps == end:
                os.kill(os.getpid(), signal.SIGKILL)

    run(path, dataset=dataset, workers=workers, own=own, callbacks=[Kill()])
