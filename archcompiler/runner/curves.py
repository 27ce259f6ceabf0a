"""placeholder"""


def draw_curves(rows, name, folder):
    pass
