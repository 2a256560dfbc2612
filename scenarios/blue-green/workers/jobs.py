"""Takes the jobs that wait, in the name of the colour that this container is."""

import os

import psycopg2


def take():
    connection = psycopg2.connect(host="db", dbname="shop", user="postgres", password=os.environ["PGPASSWORD"])
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE jobs SET taken_by = %s WHERE taken_by IS NULL", (os.environ["COLOUR"],))
        print("took %d jobs" % cursor.rowcount, flush=True)
    connection.close()


if __name__ == "__main__":
    take()
