#!/bin/sh
# Starts nginx and php-fpm in one process group; the words in braces are filled in at the start.
# php-fpm leads the group: where it does not, it leaves it for one of its own, and would not end with it.
{nginx} -p {data} -c {data}/nginx.conf &
exec {fpm} {as_root} --nodaemonize --php-ini {data}/php.ini --fpm-config {data}/php-fpm.conf
