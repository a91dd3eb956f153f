module seaport.example/tests

go 1.26.5
