int scan;
