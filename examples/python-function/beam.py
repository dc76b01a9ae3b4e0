"""A cantilever beam: light or stiff?"""

from optimize import simulator


@simulator(metrics=["mass", "deflection"])
def beam(width: float, height: float):
    """Steel, one metre long, 1 kN at its end; sizes in metres."""
    mass = 7850.0 * width * height
    deflection = 1000.0 / (3 * 210e9 * width * height**3 / 12)
    return mass, deflection


if __name__ == "__main__":
    beam.serve()
