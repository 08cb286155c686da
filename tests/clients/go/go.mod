module vestibule

go 1.19

require golang.org/x/oauth2 v0.0.0

require golang.org/x/net v0.3.0 // indirect

replace golang.org/x/oauth2 => /usr/share/gocode/src/golang.org/x/oauth2

replace golang.org/x/net => /usr/share/gocode/src/golang.org/x/net
