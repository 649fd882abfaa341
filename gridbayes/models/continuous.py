def continuous(model): raise RuntimeError
def place(model, missing): raise RuntimeError
