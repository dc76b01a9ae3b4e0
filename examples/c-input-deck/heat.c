/* Heat through an insulated wall during one winter day: heat DECK MATERIALS.

   Reads lines "name value" from DECK and rows "name,conductivity,capacity,price" from MATERIALS,
   and writes the day, hour by hour, to heat.csv. One-dimensional conduction, explicit finite
   volumes; SI units. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 200 };

struct material { double conductivity, capacity, price; };

static void fail(const char *what, const char *name) {
    fprintf(stderr, "heat: %s %s\n", what, name);
    exit(1);
}

static struct material find(const char *path, const char *wanted) {
    FILE *file = fopen(path, "r");
    if (!file) fail("cannot read", path);
    char line[256], name[64];
    struct material m;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%63[^,],%lf,%lf,%lf", name, &m.conductivity, &m.capacity, &m.price) == 4
            && strcmp(name, wanted) == 0) {
            fclose(file);
            return m;
        }
    }
    fail("no such material:", wanted);
    return m;
}

int main(int count, char **words) {
    if (count != 3) fail("expected", "DECK MATERIALS");
    FILE *deck = fopen(words[1], "r");
    if (!deck) fail("cannot read", words[1]);
    char key[64], value[64], name[64] = "";
    double insulation = 0, brick = 0;
    int cells = 0;
    while (fscanf(deck, "%63s %63s", key, value) == 2) {
        if (strcmp(key, "insulation") == 0) insulation = atof(value);
        else if (strcmp(key, "brick") == 0) brick = atof(value);
        else if (strcmp(key, "cells") == 0) cells = atoi(value);
        else if (strcmp(key, "material") == 0) strcpy(name, value);
        else fail("unknown key", key);
    }
    fclose(deck);
    if (cells < 4 || cells > LARGEST) fail("cells must be from 4 to", "200");
    struct material foam = find(words[2], name), stone = find(words[2], "brick");

    double thickness = insulation + brick, dx = thickness / cells;
    double k[LARGEST], c[LARGEST], t[LARGEST], flow[LARGEST + 1];
    double inside = 20.0, outside = -5.0, dt = 3600.0;
    for (int i = 0; i < cells; i++) {
        const struct material *m = (i + 0.5) * dx < insulation ? &foam : &stone;
        k[i] = m->conductivity;
        c[i] = m->capacity;
        t[i] = outside + (inside - outside) * (i + 0.5) / cells;
        dt = fmin(dt, 0.4 * c[i] * dx * dx / k[i]);
    }
    int per_hour = (int)ceil(3600.0 / dt);
    dt = 3600.0 / per_hour;

    FILE *csv = fopen("heat.csv", "w");
    if (!csv) fail("cannot write", "heat.csv");
    fprintf(csv, "Hour,Loss [Wh/m2],Coldest [C],Price [EUR/m2]\n");
    double loss = 0, coldest = inside;
    double price = insulation * foam.price + brick * stone.price;
    for (int hour = 1; hour <= 24; hour++) {
        /* A triangle between -10 degrees at night and 0 at noon. */
        outside = -10.0 + 10.0 * (1.0 - fabs(hour - 12.0) / 12.0);
        for (int step = 0; step < per_hour; step++) {
            flow[0] = (outside - t[0]) / (0.04 + 0.5 * dx / k[0]);
            for (int i = 1; i < cells; i++)
                flow[i] = (t[i - 1] - t[i]) / (0.5 * dx / k[i - 1] + 0.5 * dx / k[i]);
            flow[cells] = (t[cells - 1] - inside) / (0.13 + 0.5 * dx / k[cells - 1]);
            for (int i = 0; i < cells; i++)
                t[i] += dt / (c[i] * dx) * (flow[i] - flow[i + 1]);
            loss -= flow[cells] * dt / 3600.0;
            coldest = fmin(coldest, t[cells - 1]);
        }
        fprintf(csv, "%d,%.17g,%.17g,%.17g\n", hour, loss, coldest, price);
    }
    return fclose(csv) == 0 ? 0 : 1;
}
