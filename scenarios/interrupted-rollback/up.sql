-- Every order pays a fee of 1 from now on. All of it or nothing: the file is sent as one transaction.
UPDATE orders SET amount = amount + 1;
INSERT INTO releases VALUES (2);
