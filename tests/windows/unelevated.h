/* For `PROGRAM unelevated COMMAND ...`: runs this program anew, for the command, with the other token of its
   user, as a program has that nobody started as an administrator. Returns its exit status. */
#ifndef UNELEVATED_H
#define UNELEVATED_H

int run_unelevated(void);

#endif
