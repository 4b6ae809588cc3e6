int kill;
int reap;
