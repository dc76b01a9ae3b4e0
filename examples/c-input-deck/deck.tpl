material {{ material }}
insulation {{ insulation:.4f }}
brick {{ brick:.4f }}
cells 60
