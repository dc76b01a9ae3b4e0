/* A pendulum that is stopped by a brake: it speaks the protocol of docs/command.md.

   Parameters: brake (N s) and length (m). Metrics: time until it stays within one degree (s), and
   the largest force of the brake (N). A report per simulated second. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double field(const char *line, const char *name, double otherwise) {
    const char *at = strstr(line, name);
    return at ? strtod(at + strlen(name), NULL) : otherwise;
}

int main(void) {
    char line[65536];
    puts("{\"optimize\": 1, \"metrics\": [\"time\", \"force\"]}");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 1;
    while (fgets(line, sizeof line, stdin)) {
        double brake = field(line, "\"brake\": ", -1), length = field(line, "\"length\": ", -1);
        /* The study's budget, in seconds of simulated time. */
        int seconds = (int)field(line, "\"budget\": ", 30);
        if (brake < 0 || length <= 0) {
            puts("{\"error\": \"brake or length is missing\"}");
            fflush(stdout);
            continue;
        }
        double angle = 0.5, speed = 0, force = 0, last = 0, dt = 1e-4;
        int stopped = 0;
        for (int second = 1; second <= seconds && !stopped; second++) {
            for (int step = 0; step < 10000; step++) {
                speed -= dt * (9.81 / length * (angle - angle * angle * angle / 6) + brake * speed);
                angle += dt * speed;
                force = fmax(force, fabs(brake * speed * length));
                if (fabs(angle) > 0.0174533) last = second - 1 + (step + 1) * dt;
            }
            printf("{\"step\": %d, \"metrics\": {\"time\": %.17g, \"force\": %.17g}}\n", second,
                   last, force);
            fflush(stdout);
            if (!fgets(line, sizeof line, stdin)) return 0;
            stopped = strncmp(line, "stop", 4) == 0;
        }
        if (stopped) puts("{\"stopped\": true}");
        else printf("{\"metrics\": {\"time\": %.17g, \"force\": %.17g}}\n", last, force);
        fflush(stdout);
    }
    return 0;
}
